// One round of background work that may fail and is tried again.
#pragma once

#include <string_view>

#include "base/log.h"
#include "env/runtime.h"

namespace mullion::env {

/// How long background work waits after a round that failed for a reason that may pass by itself.
inline constexpr Duration kTryAgain = std::chrono::seconds(1);

/// Awaits `work`; whether it went through. What it throws is logged as "`what` failed" and ends this round
/// only, not the task that it belongs to: nobody would start that one again. Cancellation is thrown on.
Task<bool> attempt(Logger log, std::string_view what, Task<void> work);

}  // namespace mullion::env
