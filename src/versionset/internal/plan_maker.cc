#include "versionset/internal/plan_maker.h"

#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/object.h"
#include "versionset/internal/json_read.h"

namespace mullion::versionset {
namespace {

constexpr size_t kMostFiles = 20'000;
constexpr size_t kDepth = 256;

Error no_endpoint(const std::string& id) {
  return Error(ErrorCode::kNotFound, "GET", "endpoints", id, {"Not Found"});
}

json::object object_of(std::string_view text) {
  Result<json::value> parsed = model::parse_json(text, kDepth);
  return parsed && parsed->is_object() ? std::move(parsed->get_object()) : json::object();
}

/// Whether the connection is on its way or stands: what the endpoint has not told yet will come by itself.
bool will_tell(const json::object& object) {
  const std::string status = text_member(object, "ConnectionStatus");
  return status == "Connecting" || status == "Updating" || status == "Connected";
}

}  // namespace

std::optional<PlanInputs::OwnFile> FileFacts::find(const std::string& path) {
  uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(path); known != known_.end()) return known->second;
    forgotten = forgotten_;
  }
  const size_t slash = path.find('/');
  std::optional<PlanInputs::OwnFile> out;
  const auto info = blobs_.stat(path.substr(0, slash), path.substr(slash + 1));
  if (info) out = PlanInputs::OwnFile{info->size, info->sha256};
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostFiles) known_.clear();
  if (forgotten == forgotten_) known_[path] = out;
  return out;
}

void FileFacts::forget() {
  const std::lock_guard lock(mutex_);
  known_.clear();
  ++forgotten_;
}

Result<json::object> PlanMaker::endpoint_object(const std::string& endpoint, std::string* body) const {
  Result<std::string> stored =
      given_.store.snapshot()->get({std::string(manager::kEndpoints), std::string(store::kOwn), endpoint});
  if (!stored) return no_endpoint(endpoint);
  json::object object = object_of(*stored);
  if (body != nullptr) *body = std::move(*stored);
  manager::apply_state(object_of(given_.manager.endpoint_state(endpoint)), object);
  return object;
}

Observed PlanMaker::observed(const json::object& object) const {
  return Observed::parse(object, object_of(given_.manager.endpoint_state(text_member(object, "Id"))));
}

Plan PlanMaker::plan_for(const json::object& object, const Wanted& wanted) const {
  const std::shared_ptr<const catalog::Items> items = given_.catalog.items();
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  PlanInputs inputs{*items};
  inputs.own_file = [this](const std::string& path) { return files_.find(path); };
  inputs.is_secure = [&snapshot](const std::string& param) {
    const std::optional<store::StoredObject> declared = snapshot->get_local("params", param);
    return declared && model::raw_member(declared->body, "Secure") == "true";
  };
  if (given_.static_url) inputs.provisioner_url = given_.static_url();
  if (given_.api_url) inputs.api_url = given_.api_url();
  if (executor_ != nullptr) {
    inputs.same_secret = [this](const std::string& endpoint, const std::string& place, const json::value& wanted_value,
                                const json::value& shown) {
      return executor_->same_secret(endpoint, place, wanted_value, shown);
    };
  }
  return make_plan(observed(object), wanted, inputs);
}

Result<Planned> PlanMaker::make(const std::string& endpoint, const std::vector<std::string>* sets) const {
  Planned out;
  Result<json::object> object = endpoint_object(endpoint, &out.body);
  if (!object) return object.error();
  out.object = std::move(*object);
  out.sets = sets == nullptr ? set_names(out.object) : *sets;
  out.disabled = sets == nullptr && flag_member(out.object, "VersionSetsDisabled");
  Plan plan;
  if (!out.disabled && !out.sets.empty()) {
    MergedSets merged = book_.merged(out.sets);
    if (sets != nullptr && !merged.missing.empty())
      return Error(ErrorCode::kNotFound, "GET", "version_sets", merged.missing.front(), {"Not Found"});
    if (sets != nullptr && !merged.problems.empty())
      return Error(ErrorCode::kInvalid, "ValidationError", "version_sets", merged.problems.front(), merged.problems);
    plan.problems = std::move(merged.problems);
    out.wanted = std::move(merged.wanted);
  }
  if (out.wanted) {
    plan = plan_for(out.object, *out.wanted);
    out.apply = flag_member(out.object, "Apply") && out.wanted->apply;
    const bool told = !given_.manager.endpoint_state(endpoint).empty();
    out.provisional = !told && !plan.problems.empty() && will_tell(out.object);
  }
  out.plan = std::make_shared<const Plan>(std::move(plan));
  return out;
}

}  // namespace mullion::versionset
