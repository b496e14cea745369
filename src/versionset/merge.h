// Version sets and their merge (contract manager.md section 4). Pure.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::versionset {

/// Names of the components that are no content: the server and its portal.
inline constexpr std::string_view kServer = "drp";
inline constexpr std::string_view kUx = "drp-ux";

namespace json = boost::json;

enum class Kind { kDrp, kDrpUx, kContentPackage, kPluginProvider, kPlugin, kFile, kPref, kGlobal };
/// "ContentPackage" for kContentPackage, and so on, as Element.Type shows them.
std::string_view kind_name(Kind kind);
/// Long words and CP, PP; kInvalid names the word and what is allowed.
Result<Kind> parse_component_kind(std::string_view word);

/// Preferences that are secrets of one server: no set holds them, because sets are shown and replicated in
/// clear.
inline bool is_secret_pref(std::string_view pref) { return pref.ends_with("Secret"); }

/// Leave alone what is there.
inline constexpr std::string_view kIgnore = "ignore";

struct Component {
  std::optional<Kind> kind;  // absent: the set does not say, what is installed or the catalog decides
  std::string name, version, actual_version;
  bool replace_writable = false;
  bool ignored() const { return version == kIgnore; }
  bool operator==(const Component&) const = default;
};

struct FileWish {
  std::string path;    // "files/..." or "isos/..."
  std::string sha256;  // lower-case; "" only for a source of this server: what is there
  std::string source;  // self://files/..., self://isos/..., a URL, or a template that becomes one
  bool explode = false;
  bool operator==(const FileWish&) const = default;
};

/// One VersionSet object.
struct VersionSet {
  std::string id;
  bool apply = false;
  std::string drp_version, drpux_version;
  std::vector<Component> components;
  std::vector<json::object> plugins;  // whole Plugin objects, by Name
  std::map<std::string, std::string> prefs;
  std::map<std::string, json::value> global;
  std::vector<FileWish> files;

  /// kInvalid with every fault, each naming its member: "Components[2] (flexiflow): Version is missing: ...".
  static Result<VersionSet> parse(std::string_view body);
};

/// Where one merged value comes from.
struct Provenance {
  std::string set;
  std::vector<std::string> shadows;  // sets further down the list that say something else about the same key
  bool operator==(const Provenance&) const = default;
};

template <typename Value>
struct Sourced {
  Value value;
  Provenance from;
  bool operator==(const Sourced&) const = default;
};

/// What the sets of one endpoint say together.
struct Wanted {
  bool apply = true;
  std::vector<std::string> sets;  // in priority order
  std::optional<Sourced<std::string>> drp_version, drpux_version;
  std::vector<Sourced<Component>> components;  // by name
  std::vector<Sourced<json::object>> plugins;
  std::map<std::string, Sourced<std::string>> prefs;
  std::map<std::string, Sourced<json::value>> global;
  std::vector<Sourced<FileWish>> files;
  bool operator==(const Wanted&) const = default;
};

/// The first of the list wins. Lists keep the order in which the fold from last to first meets their keys.
Wanted merge(const std::vector<const VersionSet*>& priority_order);

}  // namespace mullion::versionset
