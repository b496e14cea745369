// What rollouts have besides the routes of every collection: their actions, and checks of what clients write.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

/// The name under which the actions of rollouts are offered.
inline constexpr std::string_view kRolloutPlugin = "rollouts";
const std::vector<content::ProviderAction>& rollout_actions();
/// Runs one of them on the object of `call`.
env::Task<Result<net::Response>> run_rollout_action(Call& call, std::string command);

// TypeHooks of rollouts.
std::vector<std::string> rollout_conflicts(const Call&, const store::Snapshot& snapshot,
                                           const std::string& key, const boost::json::object& rollout);
std::vector<std::string> rollout_not_removable(const boost::json::object& rollout);
env::Task<Result<std::optional<std::string>>> begin_written_rollout(Call& call, std::string key,
                                                                    std::string body);

}  // namespace mullion::api
