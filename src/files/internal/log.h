// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::files {

inline constexpr Logger kLog("files");

}  // namespace mullion::files
