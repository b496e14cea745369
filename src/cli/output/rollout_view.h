// Rollouts as people read them.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "env/clock.h"

namespace mullion::cli {

namespace json = boost::json;

/// Endpoints of a rollout by what became of them.
struct RolloutCounts {
  size_t waiting = 0, under_way = 0, done = 0, failed = 0, returned = 0, left = 0;
};

RolloutCounts rollout_counts(const json::value& rollout);

/// The table of `rollouts watch`: waves with their endpoints, gate and what is left of the soak time. At most
/// `most_lines` lines; 0: all.
std::string rollout_text(const json::value& rollout, env::WallTime now, size_t most_lines = 0);
/// "running, wave 2 of 3: 4 waiting, 2 under way, 5 done": for outputs that are no terminal.
std::string rollout_line(const json::value& rollout);
/// The answer of `dryrun`: endpoints by wave with sets and actions.
std::string dry_run_text(const json::value& answer);
/// Whether the rollout changes nothing more; a paused one may.
bool rollout_is_over(const json::value& rollout);

}  // namespace mullion::cli
