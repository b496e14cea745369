// The difference between what is wanted and what an endpoint reports, as ordered actions. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/items.h"
#include "model/messages.h"
#include "versionset/merge.h"

namespace mullion::plan {

namespace json = boost::json;
using versionset::Kind;
using versionset::Provenance;
using versionset::Wanted;

/// What an endpoint reported of itself.
struct Observed {
  std::string id, arch, os;
  std::string drp_version, drpux_version;
  struct Installed {
    Kind kind;
    std::string name, version;
    std::string prerequisites;  // meta.Prerequisites of a pack, "" when unknown
  };
  std::vector<Installed> components;
  std::vector<json::object> plugins;
  std::map<std::string, std::string> prefs;
  std::map<std::string, json::value> global;
  std::map<std::string, std::string>
      files;                         // "files/..." or "isos/..." -> lower-case SHA-256, of uploaded files
  bool files_known = false;          // `files` was reported
  bool files_complete = true;        // else there may be more than `files`
  std::set<std::string> auto_start;  // providers that make a plugin of their name by themselves
  bool manager = false;
  bool known = false;  // it has reported at least once; without that nothing is planned
  /// `state` was there. Without it nobody knows what is needed or starts by itself: nothing is deleted.
  bool told = false;

  /// `endpoint`: the Endpoint object. `state`: empty when the endpoint was not heard since this server
  /// started.
  static Observed parse(const json::object& endpoint, const model::EndpointState& state);
};

/// One line of a plan. The first members are the contract's ElementAction.
struct Action {
  Kind kind = Kind::kPref;
  std::string name, version, actual_version;
  bool replace_writable = false;
  std::string verb;   // Set | AddOrUpdate | Delete
  json::value value;  // null when the kind has none

  Provenance from;        // empty for deletions
  std::string current;    // what is there now, for people; "" for nothing, never a secret
  bool secret = false;    // `value` is shown to nobody
  uint64_t bytes = 0;     // to move; 0 unknown or none
  bool restarts = false;  // the endpoint restarts
  bool unlisted = false;  // a file of which the endpoint does not say whether it has it
  /// What is moved. Of a file: `source` is a URL, or self://files/..., self://isos/... for one of this
  /// server.
  std::optional<catalog::Artifact> artifact;
  std::vector<size_t> after;  // indexes of actions of this plan that must have succeeded before

  /// Equal keys of two plans mean the same thing to do: kind, name, verb and version or value.
  std::string key() const;
  json::object element_action() const;  // for Endpoint.Actions
  json::object explained() const;       // for the plan's API answer
};

struct Plan {
  std::vector<Action> actions;        // in the order in which they are carried out, deletions last
  size_t deletions_from = 0;          // index of the first deletion
  std::vector<std::string> problems;  // why something that is wanted is not in `actions`
  std::string listing;                // digest of the files that the endpoint listed; "" when none are wanted
  bool empty() const { return actions.empty(); }
};

/// What a plan depends on besides the sets and the report.
struct PlanInputs {
  const catalog::Items& items;
  struct OwnFile {
    uint64_t bytes = 0;
    std::string sha256;
  };
  /// A file of this server, "files/..." or "isos/..."; absent when there is none.
  std::function<std::optional<OwnFile>(const std::string& path)> own_file;
  /// What {{.ProvisionerURL}} and {{.ApiURL}} stand for.
  std::string provisioner_url, api_url;
  /// Whether the sealed value shown at the endpoint (null: it shows none) stands for the clear or sealed one
  /// that is wanted. `place`: "Global/NAME", "Plugin/NAME/PARAM". And whether a file that the
  /// endpoint does not list was found or put there with the wanted checksum: "File/PATH", `shown` null.
  std::function<bool(const std::string& endpoint, const std::string& place, const json::value& wanted,
                     const json::value& shown)>
      same_secret;
  /// Whether a look at the endpoint found this file with this SHA-256 while it listed what `listing` is the
  /// digest of: not every file is listed.
  std::function<bool(const std::string& endpoint, const std::string& path, const std::string& sha256,
                     const std::string& listing)>
      seen_there;
  /// Whether a parameter of this name is declared secure here.
  std::function<bool(const std::string& param)> is_secure;
};

/// Where PlanInputs::same_secret() keeps what is known of a file that is not listed.
inline std::string file_place(const std::string& path) { return "File/" + path; }

/// Words that secret values are shown as.
inline constexpr std::string_view kHidden = "********";

Plan make_plan(const Observed& observed, const Wanted& wanted, const PlanInputs& inputs);

}  // namespace mullion::plan
