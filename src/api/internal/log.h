// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::api {

inline constexpr Logger kLog("api");
inline constexpr Logger kIsosLog("isos");

}  // namespace mullion::api
