#include "api/internal/rollout_actions.h"

#include "api/internal/answers.h"
#include "api/internal/objects.h"
#include "rollout/rollouts.h"

namespace mullion::api {
namespace {

constexpr std::string_view kRollouts = "rollouts";

Error no_rollouts(const std::string& key) {
  return Error(ErrorCode::kUnavailable, "INVOKE", std::string(kRollouts), key,
               {"Rollouts are not carried out here"});
}

}  // namespace

env::Task<Result<std::string>> run_rollout_action(Call& call, std::string command) {
  if (call.services.rollouts == nullptr) co_return no_rollouts(call.target.key);
  co_return co_await call.services.rollouts->command(call.target.key, std::move(command), call.principal);
}

std::vector<std::string> rollout_conflicts(const objects::Draft& draft, const store::Snapshot& snapshot) {
  const json::object& rollout = draft.object;
  const Result<rollout::Rollout> parsed = rollout::Rollout::parse(rollout);
  if (!parsed) return parsed.error().messages;
  std::vector<std::string> faults = rollout::query_faults(snapshot, parsed->plan);
  if (!faults.empty()) return faults;
  const std::optional<std::string> stored =
      snapshot.get({std::string(kRollouts), std::string(store::kOwn), draft.key});
  if (!stored) return {};
  const Result<json::object> before = parse_stored(*stored);
  return before ? rollout::plan_changes(*before, rollout) : std::vector<std::string>();
}

std::vector<std::string> rollout_not_removable(const objects::Draft& draft) {
  const Result<rollout::Rollout> parsed = rollout::Rollout::parse(*draft.before);
  if (!parsed || !rollout::is_active(parsed->state)) return {};
  return {fmt::format("Rollout {} is {}: abort or return it first", parsed->plan.id,
                      rollout::rollout_state_name(parsed->state))};
}

env::Task<Result<std::optional<std::string>>> begin_written_rollout(Services& services,
                                                                    const objects::Draft& draft,
                                                                    std::string body) {
  using Outcome = Result<std::optional<std::string>>;
  const Result<json::object> object = parse_stored(body);
  if (!object) co_return object.error();
  const json::value* start = object->if_contains("Start");
  const json::value* state = object->if_contains("State");
  const bool begins = start != nullptr && *start == json::value(true) && state != nullptr &&
                      *state == json::value("planned") && services.rollouts != nullptr;
  if (!begins) co_return Outcome(std::nullopt);
  Result<std::string> written = co_await services.rollouts->begin_written(draft.key, draft.caller.principal);
  if (!written) co_return written.error();
  co_return Outcome(std::move(*written));
}

}  // namespace mullion::api
