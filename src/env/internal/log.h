// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::env {

inline constexpr Logger kLog("env");
inline constexpr Logger kRuntimeLog("runtime");

}  // namespace mullion::env
