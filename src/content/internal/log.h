// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::content {

inline constexpr Logger kLog("content");
inline constexpr Logger kPluginsLog("plugins");

}  // namespace mullion::content
