// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::replication {

inline constexpr Logger kLog("replication");

}  // namespace mullion::replication
