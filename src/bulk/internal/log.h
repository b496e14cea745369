#pragma once

#include "base/log.h"

namespace mullion::bulk {

inline constexpr Logger kLog("bulk");

}  // namespace mullion::bulk
