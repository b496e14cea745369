#include "api/internal/fleet_targets.h"

#include <fmt/format.h>

#include "api/internal/bulk_requests.h"
#include "api/internal/rights.h"
#include "store/query_check.h"

namespace mullion::api {
namespace {

constexpr size_t kDeepestParents = 64;
constexpr std::string_view kEndpoints = "endpoints";

void add_target(FleetTargets& targets, const std::string& id, const std::string& owner) {
  const auto [known, fresh] = targets.try_emplace(id, owner);
  if (!fresh && owner < known->second) known->second = owner;
}

bool may_plan(const Call& call, const store::ObjectRef& object) {
  return object.owner != store::kLayered &&
         may(call, *model::find_object_type(kEndpoints), "get", object, "{}");
}

}  // namespace

Error plan_fault(std::string text) {
  return Error(ErrorCode::kInvalid, "POST", "plans", "", {std::move(text)});
}

Result<FleetTargets> fleet_targets(const Call& call, const store::Snapshot& snapshot,
                                   const FleetRequest& wanted, plan::FleetPlan& plan) {
  FleetTargets out;
  if (!wanted.ids) {
    if (const std::string fault =
            store::query_fault(snapshot, kEndpoints, net::parse_query_string(wanted.filter));
        !fault.empty())
      return plan_fault("Targets: " + fault);
    Result<std::vector<store::ObjectRef>> found =
        select_for(call.services, call.principal, kEndpoints, wanted.filter, UINT64_MAX);
    if (!found) return found.error();
    for (const store::ObjectRef& object : *found) {
      if (may_plan(call, object)) add_target(out, object.key, object.owner);
    }
  }
  const bool shown = call.services.store.replicas_shown();
  const std::vector<std::string> ids = wanted.ids.value_or(std::vector<std::string>());
  for (const std::string& id : ids) {
    for (const store::StoredObject& object : snapshot.get_all_owners(kEndpoints, id)) {
      const store::ObjectRef ref{id, object.id.owner};
      if ((shown || !store::is_remote(ref.owner)) && may_plan(call, ref)) add_target(out, id, ref.owner);
    }
    if (!out.contains(id)) plan.add_unplanned(id, "the endpoint is not known here");
  }
  if (out.size() > kMostTargets)
    return plan_fault(
        fmt::format("Targets: {} endpoints fit, at most {} are planned at once", out.size(), kMostTargets));
  return out;
}

plan::Parents fleet_parents(const Call& call, const store::Snapshot& snapshot, const FleetTargets& targets) {
  plan::Parents out;
  for (const auto& [id, owner] : targets) {
    std::string child = id;
    std::string parent = owner;
    for (size_t depth = 0; depth < kDeepestParents && !out.contains(child); ++depth) {
      const bool own = !store::is_remote(parent);
      out[child] = own ? call.services.facts.id : parent;
      if (own) break;
      child = parent;
      const std::vector<store::StoredObject> above = snapshot.get_all_owners(kEndpoints, child);
      if (above.empty()) break;
      parent = above.front().id.owner;
    }
  }
  return out;
}

}  // namespace mullion::api
