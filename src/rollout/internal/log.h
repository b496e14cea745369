// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::rollout {

inline constexpr Logger kLog("rollout");

}  // namespace mullion::rollout
