// Whether a new program has shown that it serves. Pure.
#pragma once

#include <optional>
#include <string>

#include "env/clock.h"

namespace mullion::server {

/// What is seen of the new program at one moment.
struct TrialSight {
  std::optional<std::string> ended;          // how it ended, when it did
  std::optional<std::string> ready_version;  // what it says it is, once it says that it serves
  std::optional<std::string> info_version;   // what GET /info answers, when it answers
  std::string problem;                       // why /info does not
  bool stop_asked = false;                   // somebody wants this server to end
  env::Duration age{0};                      // since its start
  env::Duration serving{0};                  // since /info was first answered well
};

struct TrialVerdict {
  enum class Kind { kWait, kProven, kRollBack, kStop } kind = Kind::kWait;
  std::string reason;  // of a roll-back or stop
};

/// It has to say that it serves, to answer as the version it should be, and to go on doing so for `settle`,
/// all before `deadline`.
TrialVerdict judge_trial(const TrialSight& sight, const std::string& wanted, env::Duration deadline,
                         env::Duration settle);

}  // namespace mullion::server
