// What rollouts have besides the routes of every collection: their actions, and checks of what clients write.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"
#include "objects/type_hooks.h"

namespace mullion::api {

inline constexpr auto kRolloutCommands =
    std::to_array<std::string_view>({"start", "pause", "resume", "abort", "return", "dryrun"});
/// Runs one of them on the object of `call`: the JSON text of the answer.
env::Task<Result<std::string>> run_rollout_action(Call& call, std::string command);

// TypeHooks of rollouts.
std::vector<std::string> rollout_conflicts(const objects::Draft& draft, const store::Snapshot& snapshot);
std::vector<std::string> rollout_not_removable(const objects::Draft& draft);
env::Task<Result<std::optional<std::string>>> begin_written_rollout(Services& services,
                                                                    const objects::Draft& draft,
                                                                    std::string body);

}  // namespace mullion::api
