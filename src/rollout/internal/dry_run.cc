#include "rollout/internal/dry_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

#include "auth/tenants.h"
#include "client/routes.h"
#include "manager/endpoint_calls.h"
#include "rollout/internal/targets.h"

namespace mullion::rollout::internal {
namespace {

constexpr size_t kMostPreviews = 500;

Result<void> cut(const store::Snapshot& snapshot, const std::string& own_id, const auth::Principal& principal,
                 DryRun& out) {
  const RolloutPlan& plan = out.rollout.plan;
  Result<std::vector<RolloutTarget>> targets = find_targets(snapshot, plan, own_id, principal);
  if (!targets) return targets.error();
  std::ranges::move(missing_sets(snapshot, plan, principal), std::back_inserter(out.problems));
  std::ranges::move(overlaps(snapshot, plan.id, *targets), std::back_inserter(out.problems));
  Result<std::vector<Wave>> waves = cut_waves(plan, std::move(*targets));
  if (!waves) return waves.error();
  out.rollout.waves = std::move(*waves);
  return {};
}

env::Task<void> add_preview(const Preview& preview, std::string owner, std::string endpoint,
                            Assignment wanted, json::object& out) {
  if (!wanted.last_set.empty()) wanted.sets.push_back(wanted.last_set);
  Result<json::array> actions =
      co_await preview(std::move(owner), std::move(endpoint), std::move(wanted.sets));
  if (actions) {
    out["Actions"] = std::move(*actions);
  } else {
    out["Problem"] = client::reason_of(actions.error());
  }
}

/// Actions show what is in the sets, at owners elsewhere by this server's login.
bool reads_all_sets(const auth::Principal& principal) {
  const bool hides = principal.tenant != nullptr && principal.tenant->restricts("version_sets");
  return !hides && auth::covers(principal.claims, {"version_sets", "get", auth::Subject::everything()});
}

}  // namespace

Result<DryRun> prepare_dry_run(const store::Snapshot& snapshot, RolloutFacts& facts, const std::string& id,
                               const std::string& own_id, const auth::Principal& principal) {
  Result<Rollout> rollout = read_rollout(snapshot, id);
  if (!rollout) return rollout.error();
  DryRun out;
  out.rollout = std::move(*rollout);
  out.problems = plan_gaps(out.rollout.plan);
  out.shows_actions = reads_all_sets(principal);
  if (out.rollout.waves.empty()) {
    if (Result<void> done = cut(snapshot, own_id, principal, out); !done) return done.error();
  }
  for (Wave& wave : out.rollout.waves) {
    // Who began it may have seen more.
    std::erase_if(wave.endpoints, [&principal](const EndpointProgress& endpoint) {
      return !reads_endpoint(principal, endpoint.owner, endpoint.id);
    });
    for (const EndpointProgress& endpoint : wave.endpoints)
      out.now[endpoint.id] = facts.of_endpoint(snapshot, endpoint).assigned;
  }
  return out;
}

env::Task<std::string> show_dry_run(DryRun dry_run, Preview preview) {
  const Rollout& rollout = dry_run.rollout;
  json::array waves;
  size_t previews = 0;
  for (const Wave& wave : rollout.waves) {
    json::array endpoints;
    for (const EndpointProgress& endpoint : wave.endpoints) {
      const auto had = rollout.before.find(endpoint.id);
      const Assignment& before = had == rollout.before.end() ? dry_run.now[endpoint.id] : had->second;
      const Assignment wanted = rollout.plan.wanted(before);
      json::object out{{"Endpoint", endpoint.id}, {"Owner", endpoint.owner}};
      out["State"] = endpoint_state_name(endpoint.state);
      out["Before"] = json::array(before.sets.begin(), before.sets.end());
      out["VersionSets"] = json::array(wanted.sets.begin(), wanted.sets.end());
      out["Apply"] = wanted.apply;
      if (preview && dry_run.shows_actions && previews++ < kMostPreviews)
        co_await add_preview(preview, endpoint.owner, endpoint.id, wanted, out);
      endpoints.push_back(std::move(out));
    }
    waves.push_back(json::object{{"Name", wave.name}, {"Endpoints", std::move(endpoints)}});
  }
  const std::vector<std::string>& problems = dry_run.problems;
  const json::object out{{"Id", rollout.plan.id},
                         {"Waves", std::move(waves)},
                         {"Problems", json::array(problems.begin(), problems.end())}};
  co_return json::serialize(out);
}

env::Task<Result<json::array>> preview_at_owner(manager::Manager& manager, std::string owner,
                                                std::string endpoint, std::vector<std::string> sets) {
  const std::unique_ptr<manager::EndpointCalls> calls = manager::calls_through(manager, owner);
  client::Request request =
      client::get_endpoints_plan(endpoint).with("sets", fmt::format("{}", fmt::join(sets, ",")));
  Result<std::optional<json::value>> plan = co_await client::look_up(*calls, std::move(request));
  if (!plan) co_return plan.error();
  if (!*plan || !(*plan)->is_object())
    co_return Error(ErrorCode::kNotFound,
                    fmt::format("{} plans for it, and does not have all of these sets yet", owner));
  json::array actions;
  for (const std::string_view part : {"Actions", "Deletions"}) {
    const json::value* lines = (*plan)->get_object().if_contains(part);
    if (lines == nullptr || !lines->is_array()) continue;
    for (const json::value& line : lines->get_array()) actions.push_back(line);
  }
  co_return actions;
}

}  // namespace mullion::rollout::internal
