// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::packs {

inline constexpr Logger kLog("packs");

}  // namespace mullion::packs
