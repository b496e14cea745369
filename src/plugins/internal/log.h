// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::plugins {

inline constexpr Logger kLog("plugins");

}  // namespace mullion::plugins
