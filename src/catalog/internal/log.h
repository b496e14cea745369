// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::catalog {

inline constexpr Logger kLog("catalog");

}  // namespace mullion::catalog
