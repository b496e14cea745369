// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::cluster {

inline constexpr Logger kLog("cluster");

}  // namespace mullion::cluster
