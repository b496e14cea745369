// Which endpoints a fleet plan is about, and who is attached to whom.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/internal/call.h"
#include "plan/fleet_plan.h"

namespace mullion::api {

/// Endpoints of one request.
inline constexpr size_t kMostTargets = 1000;

/// What POST /plans wants.
struct FleetRequest {
  std::vector<std::string> sets;
  std::string filter;                           // a query over endpoints
  std::optional<std::vector<std::string>> ids;  // instead of it
};
/// kInvalid; `text` begins with the member at fault.
Error plan_fault(std::string text);

/// Endpoint -> whose object it is; this server's own object counts before one of a downstream manager.
using FleetTargets = std::map<std::string, std::string>;
/// The endpoints that exist for the caller, who may read them. Ids that are none go to `plan` as a problem.
/// kInvalid: a query that means nothing, more than kMostTargets.
Result<FleetTargets> fleet_targets(const Call& call, const store::Snapshot& snapshot,
                                   const FleetRequest& wanted, plan::FleetPlan& plan);
/// Whose the Endpoint objects on the way from each target up to this server are.
plan::Parents fleet_parents(const Call& call, const store::Snapshot& snapshot, const FleetTargets& targets);

}  // namespace mullion::api
