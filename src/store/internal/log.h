// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::store {

inline constexpr Logger kLog("store");

}  // namespace mullion::store
