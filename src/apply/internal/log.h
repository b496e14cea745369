// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::apply {

inline constexpr Logger kLog("versionset");
inline constexpr Logger kApplyLog("apply");

}  // namespace mullion::apply
