// What the commands and the machine of rollouts share.
#pragma once

#include <string>

#include "rollout/rollout.h"

namespace mullion::rollout::internal {

/// Adds to the history, which is bounded.
void note(Rollout& rollout, env::WallTime now, std::string what, std::string who = "");
/// Every endpoint whose turn has come goes back to what it had.
void begin_return(Rollout& rollout, env::WallTime now, std::string reason, std::string who = "");

}  // namespace mullion::rollout::internal
