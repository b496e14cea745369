// By which name this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::events {

inline constexpr Logger kLog("events");

}  // namespace mullion::events
