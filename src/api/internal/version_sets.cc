// Plans and baselines of endpoints, and what is wrong with a version set.
#include "api/internal/version_sets.h"

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "apply/configurator.h"
#include "base/text.h"
#include "packs/url_params.h"

namespace mullion::api {

json::object plan_json(const std::string& endpoint, const apply::Explained& explained) {
  json::array actions, deletions;
  uint64_t bytes = 0;
  bool restarts = false;
  for (size_t i = 0; i < explained.plan.actions.size(); ++i) {
    const plan::Action& action = explained.plan.actions[i];
    json::object line = action.explained();
    line["Number"] = i;
    bytes += action.bytes;
    restarts = restarts || action.restarts;
    (i < explained.plan.deletions_from ? actions : deletions).emplace_back(std::move(line));
  }
  json::object out;
  out["Endpoint"] = endpoint;
  out["VersionSets"] = to_array(explained.wanted.sets);
  out["Apply"] = explained.apply;
  out["State"] = explained.state;
  out["ConfiguredBy"] = explained.configured_by;
  out["NextAttempt"] = explained.next_attempt;
  const apply::ApplyProgress& progress = explained.progress;
  if (progress.total > 0) {
    out["Done"] = progress.done;
    out["Total"] = progress.total;
  }
  if (progress.lease_left.count() > 0) out["LeaseSeconds"] = progress.lease_left.count();
  out["Actions"] = std::move(actions);
  out["Deletions"] = std::move(deletions);
  out["Problems"] = to_array(explained.plan.problems);
  out["Bytes"] = bytes;
  out["Restarts"] = restarts;
  return out;
}

Error no_configurator() {
  return Error(ErrorCode::kUnavailable, "this server makes no plans yet: it is starting");
}

Result<void> sets_exist(const Call& call, const std::vector<std::string>& sets) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const model::ObjectType& type = *model::find_object_type("version_sets");
  for (const std::string& set : sets) {
    const std::optional<Target> found = find_here(call, *snapshot, type, set);
    if (!found || !may(call, type, "get", {found->key, found->owner}, found->body))
      return Error(ErrorCode::kNotFound, call.request.method, "version_sets", set, {"Not Found"});
  }
  return {};
}

namespace {

/// "a,b" of the query, or absent when it is not there.
Result<std::optional<std::vector<std::string>>> wanted_sets(const Call& call) {
  const auto text = call.request.query_value("sets");
  if (!text) return std::optional<std::vector<std::string>>();
  std::vector<std::string> sets = split_list(*text);
  if (sets.size() > kMostSets)
    return object_error(call, ErrorCode::kBadRequest, {fmt::format("sets: at most {} are taken", kMostSets)});
  if (Result<void> known = sets_exist(call, sets); !known) return known.error();
  return std::optional(std::move(sets));
}

}  // namespace

std::vector<std::string> version_set_faults(const objects::Draft& draft, const store::Snapshot&) {
  std::vector<std::string> faults = packs::logins_in_sources(draft.object);
  const Result<versionset::VersionSet> set = versionset::VersionSet::parse(json::serialize(draft.object));
  if (set) return faults;
  for (const std::string& fault : set.error().messages)
    faults.push_back(fmt::format("{}: {}", draft.key, fault));
  return faults;
}

namespace handlers {

env::Task<Result<net::Response>> show_endpoint_plan(Call& call) {
  apply::Configurator* configurator = call.services.configurator;
  if (configurator == nullptr) co_return no_configurator();
  if (call.target.owner != store::kOwn)
    co_return object_error(call, ErrorCode::kNotFound,
                           {"plans are made for endpoints attached to this server"});
  Result<std::optional<std::vector<std::string>>> sets = wanted_sets(call);
  if (!sets) co_return sets.error();
  const std::string id = call.target.key;
  Result<apply::Explained> explained = Error();
  if (*sets) {
    explained = co_await configurator->preview(id, **sets, caller_of(call));
  } else {
    explained = co_await configurator->explain(id, caller_of(call));
  }
  if (!explained) co_return explained.error();
  co_return json_response(200, json::value(plan_json(id, *explained)));
}

env::Task<Result<net::Response>> make_endpoint_baseline(Call& call) {
  apply::Configurator* configurator = call.services.configurator;
  if (configurator == nullptr) co_return no_configurator();
  if (call.target.owner != store::kOwn)
    co_return object_error(call, ErrorCode::kNotFound,
                           {"baselines are made of endpoints attached to this server"});
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  const json::value* name = body->is_object() ? body->get_object().if_contains("Name") : nullptr;
  if (name == nullptr || !name->is_string() || name->get_string().empty())
    co_return object_error(call, ErrorCode::kBadRequest, {"Name: the name of the version set is missing"});
  const std::string wanted(name->get_string());
  const std::string id = call.target.key;
  Result<apply::Baseline> made = co_await configurator->baseline(id, wanted, caller_of(call));
  if (!made) co_return made.error();
  const model::ObjectType& type = *model::find_object_type("version_sets");
  Result<json::object> shaped = model::normalise(type, json::value(std::move(made->set)), nullptr);
  if (!shaped) co_return shaped.error();
  const model::Verdict verdict = model::validate(type, *shaped, nullptr, model::NoLookup(), false);
  if (!verdict.invalid.empty())
    co_return Error(ErrorCode::kInvalid, "ValidationError", "version_sets", wanted, verdict.invalid);
  json::object answer;
  answer["VersionSet"] = std::move(*shaped);
  answer["LeftOut"] = to_array(made->left_out);
  co_return json_response(200, json::value(std::move(answer)));
}

}  // namespace handlers
}  // namespace mullion::api
