// What a rollout would do, told without doing it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/auth.h"
#include "rollout/internal/facts.h"
#include "rollout/rollouts.h"

namespace mullion::rollout::internal {

/// The waves as they are or would be cut, and what their endpoints have.
struct DryRun {
  Rollout rollout;
  std::map<std::string, Assignment> now;  // by endpoint
  std::vector<std::string> problems;      // what would forbid to start
  bool shows_actions = false;             // whether the caller may read what sets come to
};
/// Endpoints that `principal` may not read are left out. Blocks on the disk. kNotFound, kInvalid.
Result<DryRun> prepare_dry_run(const store::Snapshot& snapshot, RolloutFacts& facts, const std::string& id,
                               const std::string& own_id, const auth::Principal& principal);
/// The actions an Endpoint object of `owner` ("": own) would have with these sets.
using Preview = std::function<env::Task<Result<json::array>>(std::string owner, std::string endpoint,
                                                             std::vector<std::string> sets)>;
/// As JSON, with what `preview` (may be empty) says of the first endpoints.
env::Task<std::string> show_dry_run(DryRun dry_run, Preview preview);

/// The owner of an Endpoint object plans for it. kNotFound while it does not know all of the sets: new ones
/// reach it with the rollout.
env::Task<Result<json::array>> preview_at_owner(manager::Manager& manager, std::string owner,
                                                std::string endpoint, std::vector<std::string> sets);

}  // namespace mullion::rollout::internal
