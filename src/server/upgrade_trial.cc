#include "server/upgrade_trial.h"

#include <fmt/format.h>

namespace mullion::server {
namespace {

using Kind = TrialVerdict::Kind;

double seconds(env::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string late(const TrialSight& sight, env::Duration deadline) {
  if (!sight.ready_version) return fmt::format("it did not become ready within {:.3g} s", seconds(deadline));
  const std::string_view why = sight.problem.empty() ? std::string_view("no answer") : sight.problem;
  return fmt::format("it was ready but did not serve within {:.3g} s: {}", seconds(deadline), why);
}

}  // namespace

TrialVerdict judge_trial(const TrialSight& sight, const std::string& wanted, env::Duration deadline,
                         env::Duration settle) {
  if (sight.stop_asked)
    return {Kind::kStop, "the server was asked to stop before the new program had shown that it serves"};
  if (sight.ended) {
    const std::string_view when = sight.ready_version ? "after it became ready" : "before it became ready";
    return {Kind::kRollBack, fmt::format("it ended with {} {}", *sight.ended, when)};
  }
  if (sight.ready_version && *sight.ready_version != wanted)
    return {Kind::kRollBack, fmt::format("it says that it is {}, not {}", *sight.ready_version, wanted)};
  if (sight.ready_version && sight.info_version) {
    if (*sight.info_version != wanted)
      return {Kind::kRollBack, fmt::format("/info says that it is {}, not {}", *sight.info_version, wanted)};
    if (sight.serving >= settle) return {Kind::kProven, ""};
  }
  if (sight.age >= deadline) return {Kind::kRollBack, late(sight, deadline)};
  return {};
}

}  // namespace mullion::server
