#include "rollout/internal/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "net/http.h"
#include "rollout/rollouts.h"
#include "store/query_check.h"
#include "versionset/fingerprint.h"
#include "versionset/set_cache.h"

namespace mullion::rollout::internal {
namespace {

constexpr size_t kMostNamedTargets = 20;
constexpr size_t kDepth = 256;

RolloutTarget rollout_target(std::string id, std::string owner, std::string_view body) {
  RolloutTarget target{std::move(id), std::move(owner), {}};
  const json::object object = model::parse_object(body);
  for (const auto& [key, value] : model::object_member(object, "Meta")) {
    if (value.is_string()) target.meta[key] = value.get_string();
  }
  return target;
}

Result<std::vector<RolloutTarget>> named_targets(const store::Snapshot& snapshot, const RolloutPlan& plan,
                                                 const auth::Principal& principal) {
  std::vector<RolloutTarget> targets;
  std::vector<std::string> unknown;
  for (const std::string& id : plan.target_ids) {
    std::vector<store::StoredObject> found = snapshot.get_all_owners(kEndpointObjects, id);
    std::erase_if(found, [&](const store::StoredObject& object) {
      return object.id.owner == store::kLayered || !reads_endpoint(principal, object.id.owner, id);
    });
    if (found.empty()) {
      if (unknown.size() < kMostNamedTargets)
        unknown.push_back(fmt::format("TargetEndpoints: endpoint {:.200} is not known here", id));
      continue;
    }
    targets.push_back(rollout_target(id, found.front().id.owner, found.front().body));
  }
  if (!unknown.empty()) return Error(ErrorCode::kInvalid, "INVOKE", "rollouts", plan.id, std::move(unknown));
  return targets;
}

bool reads(const auth::Principal& principal, std::string_view type, const std::string& owner,
           const std::string& key) {
  return principal.sees({type, owner, key}) &&
         auth::covers(principal.claims, {std::string(type), "get", auth::Subject::of(owner, key)});
}

}  // namespace

bool reads_endpoint(const auth::Principal& principal, const std::string& owner, const std::string& id) {
  return reads(principal, kEndpointObjects, owner, id);
}

Assignment assignment_of(const json::object& endpoint) {
  return {model::texts_member(endpoint, "VersionSets"), model::text_member(endpoint, "VersionSet"),
          model::flag_member(endpoint, "Apply")};
}

void assign(json::object& endpoint, const Assignment& assignment) {
  endpoint["VersionSets"] = json::array(assignment.sets.begin(), assignment.sets.end());
  endpoint["VersionSet"] = assignment.last_set;
  endpoint["Apply"] = assignment.apply;
}

EndpointFacts facts_of_object(const json::object& endpoint) {
  EndpointFacts facts;
  facts.exists = true;
  facts.connected = model::text_member(endpoint, "ConnectionStatus") == "Connected";
  facts.disabled = model::flag_member(endpoint, "VersionSetsDisabled");
  facts.assigned = assignment_of(endpoint);
  facts.actions = model::list_member(endpoint, "Actions").size();
  facts.failed_actions = model::count_member(endpoint, "ActionErrorCount");
  facts.errors = model::texts_member(endpoint, "Errors");
  facts.planned = versionset::is_fingerprint_of_names(model::text_member(endpoint, "PlannedFor"),
                                                      versionset::set_names(endpoint));
  return facts;
}

Result<std::vector<RolloutTarget>> find_targets(const store::Snapshot& snapshot, const RolloutPlan& plan,
                                                const std::string& own_id, const auth::Principal& principal) {
  if (!plan.target_ids.empty()) return named_targets(snapshot, plan, principal);
  if (plan.targets.empty()) return std::vector<RolloutTarget>();
  Result<store::Query> query = store::parse_query(kEndpointObjects, net::parse_query_string(plan.targets));
  if (!query) return query.error();
  query->own_id = own_id;
  Result<store::QueryResult> found = snapshot.query(*query);
  if (!found) return found.error();
  std::map<std::string, std::string> owners;  // by id; "" sorts before every other owner
  for (const store::ObjectRef& ref : found->refs) {
    if (ref.owner == store::kLayered || !reads_endpoint(principal, ref.owner, ref.key)) continue;
    const auto [known, fresh] = owners.try_emplace(ref.key, ref.owner);
    if (!fresh && ref.owner < known->second) known->second = ref.owner;
  }
  std::vector<RolloutTarget> targets;
  for (const auto& [id, owner] : owners) {
    const std::optional<std::string> body = snapshot.get({std::string(kEndpointObjects), owner, id});
    if (body) targets.push_back(rollout_target(id, owner, *body));
  }
  return targets;
}

std::vector<std::string> missing_sets(const store::Snapshot& snapshot, const RolloutPlan& plan,
                                      const auth::Principal& principal) {
  std::vector<std::string> out;
  for (const std::string& set : plan.sets) {
    const std::optional<store::StoredObject> found = snapshot.get_local("version_sets", set);
    if (!found || !reads(principal, "version_sets", found->id.owner, set))
      out.push_back(fmt::format("VersionSets: there is no version set {:.200} here", set));
  }
  return out;
}

std::vector<std::string> active_rollouts(const store::Snapshot& snapshot) {
  store::Query query;
  query.type = kRollouts;
  query.filters.push_back(
      {"State", store::Operator::kIn, {"running", "soaking", "paused", "returning", "aborting"}});
  const Result<store::QueryResult> found = snapshot.query(query);
  std::vector<std::string> out;
  if (!found) return out;
  for (const store::ObjectRef& ref : found->refs) {
    if (ref.owner == store::kOwn) out.push_back(ref.key);
  }
  return out;
}

Result<std::string> rollout_body(const store::Snapshot& snapshot, const std::string& id) {
  std::optional<std::string> body = snapshot.get({std::string(kRollouts), std::string(store::kOwn), id});
  if (!body) return Error(ErrorCode::kNotFound, "", std::string(kRollouts), id, {"Not Found"});
  return std::move(*body);
}

Result<Rollout> read_rollout(const store::Snapshot& snapshot, const std::string& id, std::string* body) {
  Result<std::string> stored = rollout_body(snapshot, id);
  if (!stored) return stored.error();
  const Result<json::value> object = parse_json(*stored, kDepth);
  if (!object) return object.error();
  if (!object->is_object()) return Error(ErrorCode::kCorrupt, "a stored object is unreadable");
  if (body != nullptr) *body = std::move(*stored);
  return Rollout::parse(object->get_object());
}

Result<store::Change> change_of_rollout(const std::string& id, const std::string& before,
                                        const Rollout& rollout) {
  Result<json::value> object = parse_json(before, kDepth);
  if (!object) return object.error();
  if (!object->is_object()) return Error(ErrorCode::kCorrupt, "a stored object is unreadable");
  rollout.write(object->get_object());
  store::Change change;
  change.id = {std::string(kRollouts), std::string(store::kOwn), id};
  change.body = model::canonical_body(*model::find_object_type(kRollouts), object->get_object());
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(before);
  return change;
}

std::vector<std::string> overlaps(const store::Snapshot& snapshot, const std::string& id,
                                  const std::vector<RolloutTarget>& targets) {
  std::set<std::string_view> wanted;
  for (const RolloutTarget& target : targets) wanted.insert(target.id);
  std::vector<std::string> out;
  for (const std::string& other : active_rollouts(snapshot)) {
    if (other == id) continue;
    const Result<Rollout> rollout = read_rollout(snapshot, other);
    if (!rollout) continue;
    for (const Wave& wave : rollout->waves) {
      for (const EndpointProgress& endpoint : wave.endpoints) {
        if (out.size() < kMostNamedTargets && wanted.contains(endpoint.id))
          out.push_back(fmt::format("endpoint {} is in rollout {}, which is {}: wait for it, or abort it",
                                    endpoint.id, other, rollout_state_name(rollout->state)));
      }
    }
  }
  return out;
}

}  // namespace mullion::rollout::internal

namespace mullion::rollout {

std::vector<std::string> query_faults(const store::Snapshot& snapshot, const RolloutPlan& plan) {
  std::vector<std::string> out;
  if (std::string fault =
          store::query_fault(snapshot, internal::kEndpointObjects, net::parse_query_string(plan.targets));
      !fault.empty())
    out.push_back("Targets: " + fault);
  if (!plan.gate) return out;
  Rollout sample;
  sample.plan = plan;
  Wave& wave = sample.waves.emplace_back();
  wave.started = env::WallTime{};
  wave.endpoints.emplace_back().id = "A";
  if (std::string fault =
          store::query_fault(snapshot, plan.gate->collection, net::parse_query_string(gate_filter(sample)));
      !fault.empty())
    out.push_back("Gate.Filter: " + fault);
  return out;
}

}  // namespace mullion::rollout
