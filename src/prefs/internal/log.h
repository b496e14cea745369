// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::prefs {

inline constexpr Logger kLog("prefs");

}  // namespace mullion::prefs
