#include "apply/internal/plan_maker.h"

#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/members.h"

namespace mullion::apply {
namespace {

Error no_endpoint(const std::string& id) {
  return Error(ErrorCode::kNotFound, "GET", "endpoints", id, {"Not Found"});
}

/// Whether the connection is on its way or stands: what the endpoint has not told yet will come by itself.
bool will_tell(const json::object& object) {
  const std::string status = model::text_member(object, "ConnectionStatus");
  return status == "Connecting" || status == "Updating" || status == "Connected";
}

/// Whether its word belongs to the connection that stands now: a stream begins with it, before anything else.
bool is_fresh(const json::object& object) {
  return model::text_member(object, "ConnectionStatus") == "Connected";
}

}  // namespace

Result<SeenEndpoint> PlanMaker::read(const std::string& endpoint) const {
  std::optional<std::string> stored =
      given_.store.snapshot()->get({std::string(manager::kEndpoints), std::string(store::kOwn), endpoint});
  if (!stored) return no_endpoint(endpoint);
  SeenEndpoint out;
  out.object = model::parse_object(*stored);
  out.body = std::move(*stored);
  const std::shared_ptr<const model::EndpointState> state = given_.manager.endpoint_state(endpoint);
  manager::apply_state(*state, out.object);
  out.observed = plan::Observed::parse(out.object, *state);
  return out;
}

Plan PlanMaker::plan_for(const plan::Observed& observed, const Wanted& wanted,
                         std::set<std::string>& unsummed) const {
  const std::shared_ptr<const catalog::Items> items = given_.catalog.items();
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  plan::PlanInputs inputs{*items};
  inputs.own_file = [&](const std::string& path) { return files_.find(path, unsummed); };
  inputs.is_secure = [&snapshot](const std::string& param) {
    const std::optional<store::StoredObject> declared = snapshot->get_local("params", param);
    return declared && model::raw_member(declared->body, "Secure") == "true";
  };
  if (given_.static_url) inputs.provisioner_url = given_.static_url();
  if (given_.api_url) inputs.api_url = given_.api_url();
  if (executor_ != nullptr) {
    inputs.same_secret = [this](const std::string& endpoint, const std::string& place,
                                const json::value& wanted_value, const json::value& shown) {
      return executor_->same_secret(endpoint, place, wanted_value, shown);
    };
    inputs.seen_there = [this](const std::string& endpoint, const std::string& path,
                               const std::string& sha256, const std::string& listing) {
      return executor_->seen_there(endpoint, path, sha256, listing);
    };
  }
  return plan::make_plan(observed, wanted, inputs);
}

Result<Planned> PlanMaker::make(const std::string& endpoint, const std::vector<std::string>* sets,
                                std::set<std::string>& unsummed) const {
  Planned out;
  Result<SeenEndpoint> seen = read(endpoint);
  if (!seen) return seen.error();
  out.body = std::move(seen->body);
  out.object = std::move(seen->object);
  out.sets = sets == nullptr ? versionset::set_names(out.object) : *sets;
  out.disabled = sets == nullptr && model::flag_member(out.object, "VersionSetsDisabled");
  Plan plan;
  if (!out.disabled && !out.sets.empty()) {
    versionset::MergedSets merged = set_cache_.merged(out.sets);
    if (sets != nullptr && !merged.missing.empty())
      return Error(ErrorCode::kNotFound, "GET", "version_sets", merged.missing.front(), {"Not Found"});
    if (sets != nullptr && !merged.problems.empty())
      return Error(ErrorCode::kInvalid, "ValidationError", "version_sets", merged.problems.front(),
                   merged.problems);
    plan.problems = std::move(merged.problems);
    out.wanted = std::move(merged.wanted);
  }
  if (out.wanted) {
    const bool told = seen->observed.told;
    plan = plan_for(seen->observed, *out.wanted, unsummed);
    out.apply = model::flag_member(out.object, "Apply") && out.wanted->apply;
    out.fresh = told && is_fresh(out.object);
    out.provisional = !told && will_tell(out.object);
  }
  out.plan = std::make_shared<const Plan>(std::move(plan));
  return out;
}

}  // namespace mullion::apply
