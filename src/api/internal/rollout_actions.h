// What rollouts have besides the routes of every collection: their actions, and checks of what clients write.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

inline constexpr auto kRolloutCommands =
    std::to_array<std::string_view>({"start", "pause", "resume", "abort", "return", "dryrun"});
/// Runs one of them on the object of `call`: the JSON text of the answer.
env::Task<Result<std::string>> run_rollout_action(Call& call, std::string command);

// TypeHooks of rollouts.
std::vector<std::string> rollout_conflicts(const Call&, const store::Snapshot& snapshot,
                                           const std::string& key, const boost::json::object& rollout);
std::vector<std::string> rollout_not_removable(const boost::json::object& rollout);
env::Task<Result<std::optional<std::string>>> begin_written_rollout(Call& call, std::string key,
                                                                    std::string body);

}  // namespace mullion::api
