// What version sets would do to many endpoints: POST /plans.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "api/internal/answers.h"
#include "api/internal/bulk_requests.h"
#include "api/internal/fleet_targets.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/version_sets.h"
#include "apply/configurator.h"
#include "client/routes.h"
#include "model/members.h"
#include "plan/fleet_plan.h"

namespace mullion::api {
namespace {

constexpr env::Duration kPlanningTime = std::chrono::seconds(20);  // of one request
constexpr double kOldestAge = 1e9;                                 // seconds; beyond it nobody knows
/// What is made of an answer takes so many times its text: values of JSON, and copies to group them by.
constexpr size_t kGrowthOfPlans = 8;

/// A list of names, each of which is one.
Result<std::vector<std::string>> listed_names(const json::value& value, std::string_view member) {
  const json::array* list = value.if_array();
  if (list == nullptr) return plan_fault(fmt::format("{}: a list of names is expected", member));
  std::vector<std::string> out;
  for (const json::value& item : *list) {
    if (!item.is_string() || item.get_string().empty())
      return plan_fault(fmt::format("{}: a list of names is expected", member));
    out.emplace_back(item.get_string());
  }
  return out;
}

Result<FleetRequest> read_fleet_request(const Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) return body.error();
  const json::object* object = body->if_object();
  if (object == nullptr) return plan_fault("the body is not a JSON object");
  for (const auto& member : *object) {
    if (member.key() != "Sets" && member.key() != "Targets")
      return plan_fault(fmt::format("{:.100}: is not known here", std::string(member.key())));
  }
  const json::value* sets = object->if_contains("Sets");
  const json::value* targets = object->if_contains("Targets");
  if (sets == nullptr) return plan_fault("Sets: the version sets are missing");
  if (targets == nullptr) return plan_fault("Targets: a query over endpoints, or their ids, are missing");
  FleetRequest out;
  Result<std::vector<std::string>> names = listed_names(*sets, "Sets");
  if (!names) return names.error();
  if (names->size() > kMostSets) return plan_fault(fmt::format("Sets: at most {} are taken", kMostSets));
  out.sets = std::move(*names);
  if (targets->is_string()) {
    out.filter = targets->get_string();
    return out;
  }
  Result<std::vector<std::string>> ids = listed_names(*targets, "Targets");
  if (!ids) return ids.error();
  out.ids = std::move(*ids);
  if (out.ids->size() > kMostTargets)
    return plan_fault(fmt::format("Targets: at most {} endpoints are planned at once", kMostTargets));
  return out;
}

plan::PlanContent content_of(const json::object& plan) {
  plan::PlanContent content;
  content.actions = model::list_member(plan, "Actions");
  content.deletions = model::list_member(plan, "Deletions");
  content.problems = model::texts_member(plan, "Problems");
  return content;
}

std::map<std::string, double> facts_ages(const Call& call, const std::vector<std::string>& ids) {
  std::map<std::string, double> out;
  if (call.services.manager == nullptr || ids.empty()) return out;
  const auto read = manager::ReadFrom::reported_state();
  for (const manager::OwnerFreshness& fresh : call.services.manager->freshness(ids, read)) {
    if (fresh.age_seconds < kOldestAge) out[fresh.owner] = fresh.age_seconds;
  }
  return out;
}

std::optional<double> age_in(const std::map<std::string, double>& ages, const std::string& id) {
  const auto found = ages.find(id);
  return found == ages.end() ? std::nullopt : std::optional(found->second);
}

/// Plans for one request, until its time is over.
class FleetPlanner {
 public:
  FleetPlanner(Call& call, std::vector<std::string> sets, plan::FleetPlan& plan)
      : call_(call), sets_(std::move(sets)), plan_(plan), begin_(call.services.clock.steady()) {}

  env::Task<void> plan_own(std::vector<std::string> ids) {
    const std::map<std::string, double> ages = facts_ages(call_, ids);
    for (const std::string& id : ids) {
      if (is_late(id)) continue;
      Result<apply::Explained> explained =
          co_await call_.services.configurator->preview(id, sets_, caller_of(call_));
      if (!explained) {
        plan_.add_unplanned(id, explained.error().text());
        continue;
      }
      plan_.add({{id, age_in(ages, id)}}, content_of(plan_json(id, *explained)));
    }
  }

  /// A manager plans for what is attached to it: all at once when the caller may ask it for that, and when it
  /// can; else one by one.
  env::Task<void> plan_at(std::string owner, std::vector<std::string> ids) {
    std::erase_if(ids, [this](const std::string& id) { return is_late(id); });
    if (ids.empty()) co_return;
    const json::object body{{"Sets", to_array(sets_)}, {"Targets", to_array(ids)}};
    const client::Request request = client::post_plans().through(owner);
    const FullAnswer answer = co_await send_as(call_.services, call_.principal, request.method(),
                                               request.target(), json::serialize(body));
    if (answer.status == 200) {
      const std::function<void(const json::object&)> take_all = [&](const json::object& shown) {
        take(shown, ids, owner);
      };
      const Result<void> read = co_await read_plan(answer, take_all);
      if (read) co_return;
      for (const std::string& id : ids)
        plan_.add_unplanned(id, fmt::format("{}: {}", owner, read.error().text()));
      co_return;
    }
    const bool one_by_one = answer.status == 403 || answer.status == 404 || answer.status == 405;
    for (const std::string& id : ids) {
      if (!one_by_one) {
        plan_.add_unplanned(id, fmt::format("{}: {}", owner, messages_of_answer(answer)));
      } else if (!is_late(id)) {
        co_await plan_one_at(owner, id);
      }
    }
  }

 private:
  env::Task<void> plan_one_at(const std::string& owner, const std::string& id) {
    if (std::ranges::any_of(sets_, [](const std::string& set) { return set.find(',') != set.npos; })) {
      plan_.add_unplanned(id,
                          fmt::format("{} is asked for one endpoint at a time, which takes no version set "
                                      "whose name has a comma",
                                      owner));
      co_return;
    }
    const std::string sets = fmt::format("{}", fmt::join(sets_, ","));
    const client::Request request = client::get_endpoints_plan(id).with("sets", sets).through(owner);
    const FullAnswer answer =
        co_await send_as(call_.services, call_.principal, request.method(), request.target(), "");
    if (answer.status != 200) {
      plan_.add_unplanned(id, fmt::format("{}: {}", owner, messages_of_answer(answer)));
      co_return;
    }
    const std::function<void(const json::object&)> add = [&](const json::object& shown) {
      plan_.add({{id, std::nullopt}}, content_of(shown));
    };
    const Result<void> read = co_await read_plan(answer, add);
    if (!read) plan_.add_unplanned(id, fmt::format("{}: {}", owner, read.error().text()));
  }

  /// Beside the threads that serve. An error says why the answer is not taken.
  env::Task<Result<void>> read_plan(const FullAnswer& answer,
                                    const std::function<void(const json::object&)>& take_it) {
    Result<void> held = hold(answer);
    if (!held) co_return held;
    co_return co_await run_heavy(call_, env::Pool::kProcessor,
                                 [&] { take_it(model::parse_object(answer.text)); });
  }

  /// What an answer becomes is kept until all managers have told of theirs: together no more than one caller
  /// has room for. An error says why it is not taken.
  Result<void> hold(const FullAnswer& answer) {
    if (!answer.lost.empty()) return Error(ErrorCode::kUnavailable, messages_of_answer(answer));
    if (answer.held.empty()) return {};  // a small one
    env::MemoryBudget& budget = env::memory_for(env::Memory::kAnswers);
    std::optional<env::MemoryBudget::Share> share =
        budget.take(answer.text.size() * kGrowthOfPlans, caller_of(call_).name);
    if (!share)
      return Error(ErrorCode::kUnavailable,
                   "its answer finds no room beside those of others: ask for fewer endpoints");
    shares_.push_back(std::move(*share));
    return {};
  }

  /// Groups as another manager made them, of the endpoints that it was asked for.
  void take(const json::object& shown, const std::vector<std::string>& ids, const std::string& owner) {
    std::set<std::string> left(ids.begin(), ids.end());
    const json::object& ages = model::object_member(shown, "FactsAges");
    for (const json::value& group : model::list_member(shown, "Groups")) {
      if (!group.is_object()) continue;
      std::vector<plan::FleetPlan::Planned> planned;
      for (std::string& id : model::texts_member(group.get_object(), "Endpoints")) {
        if (left.erase(id) == 0) continue;
        const json::value* age = ages.if_contains(id);
        const bool known = age != nullptr && age->is_number();
        planned.push_back({std::move(id), known ? std::optional(age->to_number<double>()) : std::nullopt});
      }
      if (!planned.empty()) plan_.add(std::move(planned), content_of(group.get_object()));
    }
    for (const json::value& problem : model::list_member(shown, "Problems")) {
      if (!problem.is_object()) continue;
      for (const std::string& id : model::texts_member(problem.get_object(), "Endpoints")) {
        if (left.erase(id) > 0)
          plan_.add_unplanned(
              id, fmt::format("{}: {}", owner, model::text_member(problem.get_object(), "Reason")));
      }
    }
    for (const std::string& id : left) plan_.add_unplanned(id, fmt::format("{} does not tell of it", owner));
  }

  bool is_late(const std::string& id) {
    if (call_.services.clock.steady() - begin_ < kPlanningTime) return false;
    plan_.add_unplanned(id, "not planned within the time of one request: ask for fewer endpoints");
    return true;
  }

  Call& call_;
  const std::vector<std::string> sets_;
  plan::FleetPlan& plan_;
  const env::SteadyTime begin_;
  net::HeldShares shares_;
};

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> make_fleet_plan(Call& call) {
  if (call.services.configurator == nullptr) co_return no_configurator();
  Result<FleetRequest> wanted = read_fleet_request(call);
  if (!wanted) co_return wanted.error();
  if (Result<void> known = sets_exist(call, wanted->sets); !known) co_return known.error();
  plan::FleetPlan plan;
  plan::Parents parents;
  std::optional<Result<FleetTargets>> targets;
  Result<void> found = co_await run_heavy(call, env::Pool::kProcessor, [&] {
    const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
    targets = fleet_targets(call, *snapshot, *wanted, plan);
    if (*targets) parents = fleet_parents(call, *snapshot, **targets);
  });
  if (!found) co_return found.error();
  if (!*targets) co_return targets->error();
  std::map<std::string, std::vector<std::string>> by_owner;
  for (const auto& [id, owner] : **targets) by_owner[owner].push_back(id);
  FleetPlanner planner(call, wanted->sets, plan);
  for (auto& [owner, ids] : by_owner) {
    if (store::is_remote(owner)) {
      co_await planner.plan_at(owner, std::move(ids));
    } else {
      co_await planner.plan_own(std::move(ids));
    }
  }
  json::object shown;
  Result<void> grouped = co_await run_heavy(call, env::Pool::kProcessor,
                                            [&] { shown = plan.show(call.services.facts.id, parents); });
  if (!grouped) co_return grouped.error();
  shown["Sets"] = to_array(wanted->sets);
  shown["Planned"] = env::format_rfc3339(call.services.clock.wall());
  co_return json_response(200, json::value(std::move(shown)));
}

}  // namespace handlers
}  // namespace mullion::api
