// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::auth {

inline constexpr Logger kLog("auth");

}  // namespace mullion::auth
