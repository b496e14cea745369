// Which jobs a purge removes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"

namespace mullion::api {

/// What a purge looks at.
struct JobFacts {
  std::string key, machine, state;
  env::WallTime start, end;
  bool current = false;         // the newest job of its machine
  bool machine_exists = false;  // on this endpoint
};

/// How the query parameters of DELETE /jobs and the preferences read together.
struct PurgeRules {
  std::optional<std::string> machine;  // only jobs of this machine
  bool machine_missing = false;        // only jobs whose machine is gone; count and age do not protect these
  uint64_t keep = 0;                   // the newest ones of each machine stay
  env::Duration failed_after{};        // age, since their end, at which failed jobs may go
  env::Duration complete_after{};      // the same for finished ones
};

/// What the client and the preferences say; texts as written.
struct PurgeWords {
  std::string machine, keep, failed_after, complete_after;  // "" when not given
  std::string preferred_keep, preferred_failed_after, preferred_complete_after;
};
/// kBadRequest naming the parameter. Who says how many to keep, but nothing about ages, wants the others gone
/// whatever their age.
Result<PurgeRules> purge_rules(const PurgeWords& words);

/// Whether a job may be deleted at all.
bool is_deletable_job(std::string_view state);
/// Keys of the jobs to remove, sorted.
std::vector<std::string> jobs_to_purge(std::vector<JobFacts> jobs, const PurgeRules& rules,
                                       env::WallTime now);

}  // namespace mullion::api
