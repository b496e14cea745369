// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::net {

inline constexpr Logger kLog("net");

}  // namespace mullion::net
