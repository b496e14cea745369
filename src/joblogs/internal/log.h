// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::joblogs {

inline constexpr Logger kLog("joblogs");

}  // namespace mullion::joblogs
