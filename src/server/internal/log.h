// By which names this room writes its log.
#pragma once

#include "base/log.h"

namespace mullion::server {

inline constexpr Logger kLog("server");
inline constexpr Logger kUpgradeLog("upgrade");

}  // namespace mullion::server
