// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::manager {

inline constexpr Logger kLog("manager");

}  // namespace mullion::manager
