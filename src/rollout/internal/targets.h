// What rollouts read of the store: their targets, and what is known of endpoints.
#pragma once

#include <string>
#include <vector>

#include "auth/auth.h"
#include "rollout/rollout.h"
#include "store/store.h"

namespace mullion::rollout::internal {

inline constexpr std::string_view kRollouts = "rollouts";
inline constexpr std::string_view kEndpointObjects = "endpoints";

Assignment assignment_of(const json::object& endpoint);
void assign(json::object& endpoint, const Assignment& assignment);
/// From an Endpoint object; `connected` and `planned` only as far as the object says: what the sets say is
/// not looked at.
EndpointFacts facts_of_object(const json::object& endpoint);

/// Whether `principal` may read the Endpoint object `id` of `owner`.
bool reads_endpoint(const auth::Principal& principal, const std::string& owner, const std::string& id);
/// The endpoints of a plan that `principal` may read, each once: the own Endpoint object before those of
/// other managers. kInvalid names ids that are not known.
Result<std::vector<RolloutTarget>> find_targets(const store::Snapshot& snapshot, const RolloutPlan& plan,
                                                const std::string& own_id, const auth::Principal& principal);
/// Sets that are not declared here, as far as `principal` may read: what may not be read does not exist.
std::vector<std::string> missing_sets(const store::Snapshot& snapshot, const RolloutPlan& plan,
                                      const auth::Principal& principal);
/// Ids of own rollouts that are not over.
std::vector<std::string> active_rollouts(const store::Snapshot& snapshot);
/// Of an own rollout; kNotFound.
Result<std::string> rollout_body(const store::Snapshot& snapshot, const std::string& id);
Result<Rollout> read_rollout(const store::Snapshot& snapshot, const std::string& id,
                             std::string* body = nullptr);
/// The members of the machine written into `before`, the stored body that they are based on.
Result<store::Change> change_of_rollout(const std::string& id, const std::string& before,
                                        const Rollout& rollout);
/// "endpoint A is in rollout X, which is running", for each.
std::vector<std::string> overlaps(const store::Snapshot& snapshot, const std::string& id,
                                  const std::vector<RolloutTarget>& targets);

}  // namespace mullion::rollout::internal
