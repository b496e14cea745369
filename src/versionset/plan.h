// The difference between what is wanted and what an endpoint reports, as ordered actions. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/items.h"
#include "versionset/merge.h"

namespace mullion::versionset {

/// What an endpoint reported of itself.
struct Observed {
  std::string id, arch, os;
  std::string drp_version, drpux_version;
  struct Installed {
    Kind kind;
    std::string name, version;
    std::string prerequisites;  // meta.Prerequisites of a pack, "" when unknown
    bool permanent = false;     // built in: never removed
  };
  std::vector<Installed> components;
  std::vector<json::object> plugins;
  std::map<std::string, std::string> prefs;
  std::map<std::string, json::value> global;
  std::map<std::string, std::string> files;  // "files/..." or "isos/..." -> lower-case SHA-256, of uploaded files
  bool manager = false;
  bool known = false;  // it has reported at least once; without that nothing is planned

  static Observed parse(const json::object& endpoint, const json::object& extra);
};

/// One line of a plan. The first members are the contract's ElementAction.
struct Action {
  Kind kind = Kind::kPref;
  std::string name, version, actual_version;
  bool replace_writable = false;
  std::string verb;   // Set | AddOrUpdate | Delete
  json::value value;  // null when the kind has none

  Provenance from;            // empty for deletions
  std::string current;        // what is there now, for people; "" for nothing, never a secret
  uint64_t bytes = 0;         // to move; 0 unknown or none
  bool restarts = false;      // the endpoint restarts
  std::optional<catalog::Artifact> artifact;
  std::vector<size_t> after;  // indexes of actions of this plan that must have succeeded before

  /// Equal keys of two plans mean the same thing to do: kind, name, verb and version or value.
  std::string key() const;
  json::object element_action() const;  // for Endpoint.Actions
  json::object explained() const;       // for the plan's API answer
};

struct Plan {
  std::vector<Action> actions;         // in the order in which they are carried out, deletions last
  size_t deletions_from = 0;           // index of the first deletion
  std::vector<std::string> problems;   // why something that is wanted is not in `actions`
  bool empty() const { return actions.empty(); }
};

/// What a plan depends on besides the sets and the report.
struct PlanInputs {
  const catalog::Items& items;
  /// Bytes of a file below files/ here, 0 when unknown.
  std::function<uint64_t(const std::string& path)> size_of;
  /// Whether the sealed value shown at the endpoint stands for the clear or sealed one that is wanted (docs/configuration.md).
  std::function<bool(const std::string& endpoint, const std::string& place, const json::value& wanted,
                     const json::value& shown)>
      same_secret;
};

Plan make_plan(const Observed& observed, const Wanted& wanted, const PlanInputs& inputs);

}  // namespace mullion::versionset
