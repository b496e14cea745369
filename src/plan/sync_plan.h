// Version sets that go to the downstream managers, with what they need. Pure; docs/configuration.md says why.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/items.h"
#include "plan/plan.h"

namespace mullion::plan {

namespace json = boost::json;

/// Meta of copies: the id of the manager they came from.
inline constexpr std::string_view kTravelledFrom = catalog::kBroughtBy;
/// Catalog items of copies. Not NAME-VERSION, which is what the downstream manager calls its own.
inline constexpr std::string_view kTravelledItem = "travelled-";

/// An endpoint that a downstream manager configures.
struct DownstreamEndpoint {
  std::string id;
  std::string next_hop;  // the attached endpoint that leads to its manager
  std::string arch, os;
  std::vector<std::string> sets;  // names, as its Endpoint object says
};

/// What the attached manager `next_hop` has, as its replica shows it.
struct DownstreamManager {
  std::map<std::string, json::object> sets;   // VersionSet objects by Id
  std::map<std::string, json::object> items;  // CatalogItem objects by Id, its own ones
};

struct SyncPlan;
struct SyncInputs {
  std::string own_id;
  const std::map<std::string, json::object>& own_sets;
  const std::vector<DownstreamEndpoint>& endpoints;
  const std::map<std::string, DownstreamManager>& managers;  // by next hop
  const catalog::Items& items;
  /// A file of this server ("files/a", "isos/b"); absent when there is none.
  std::function<std::optional<PlanInputs::OwnFile>(const std::string& path)> file;
  /// Whether the sealed value `shown` at a manager stands for `wanted`, which is sealed here: what was put
  /// there as SealedAnew. Absent: never.
  std::function<bool(const std::string& next_hop, const std::string& place, const json::value& wanted,
                     const json::value& shown)>
      same_secret;
  /// Whether files may be left over where such a plan, which has nothing else to do, is for. Absent: never.
  std::function<bool(const SyncPlan& plan)> is_untidy = {};
};

/// A file to be put below files/ of the manager.
struct Upload {
  catalog::Artifact artifact;  // here
  std::string path;            // there, below files/
  auto operator<=>(const Upload& other) const { return path <=> other.path; }
  bool operator==(const Upload& other) const { return path == other.path; }
};

/// What is to be done at one manager, in this order.
struct SyncPlan {
  std::string next_hop;
  std::vector<Upload> uploads;          // by path, each once
  std::vector<json::object> items;      // CatalogItem objects to create or replace
  std::vector<json::object> sets;       // VersionSet objects to create or replace
  std::vector<std::string> stale_sets;  // copies nobody there names any more
  std::vector<std::string> stale_items;
  std::set<std::string> files_to_keep;  // every file of travelled_tree() that is still needed
  bool empty() const { return items.empty() && sets.empty() && stale_sets.empty() && stale_items.empty(); }
};

struct SyncPlans {
  std::vector<SyncPlan> plans;  // without those that have nothing to do and are tidy, by next hop
  std::vector<std::string> problems;
};

SyncPlans plan_sync(const SyncInputs& inputs);

/// A secret value on its way: as it is sealed here, and as it is sealed there.
struct SealedAnew {
  std::string place;
  json::value here, there;
};
using Sealer = std::function<Result<json::value>(const json::value& sealed)>;
/// Seals every sealed value in a VersionSet object for its manager. The first error ends it.
Result<std::vector<SealedAnew>> seal_anew(json::value& set, const Sealer& sealer);

}  // namespace mullion::plan
