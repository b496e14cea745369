// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::objects {

inline constexpr Logger kLog("objects");

}  // namespace mullion::objects
