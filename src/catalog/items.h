// What can be installed: the items of the catalogs, and how a version word becomes one of them.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::catalog {

/// Names, versions and ids of items: parts of paths and keys of objects. UTF-8 without control characters and
/// slashes, 250 bytes at most.
bool is_item_word(std::string_view text);

/// One CatalogItem (contract manager.md section 5.1).
struct Item {
  std::string id, name, version, actual_version;
  std::string content_type;  // ContentPackage | PluginProvider | DRP | DRPUX | DRPCLI
  std::string source;
  std::map<std::string, std::string>
      sha256;  // "ARCH/OS" or "any/any" -> lower-case hex; absent builds are left out
  bool tip = false;
  bool hot_fix = false;
  boost::json::object meta;

  /// kInvalid names the member that is wrong.
  static Result<Item> parse(const boost::json::object& object);
  /// With `NOTFOUND` for the platforms a plugin provider is not built for.
  boost::json::object json() const;
  bool operator==(const Item&) const = default;
};

inline constexpr std::string_view kArchitectures[] = {"amd64", "arm64", "armv7", "ppc64le"};
inline constexpr std::string_view kSystems[] = {"linux", "darwin", "windows"};
inline constexpr std::string_view kEverywhere = "any/any";
/// Meta of items that another server brought: whose they are.
inline constexpr std::string_view kBroughtBy = "mullion/from";
/// Source of items that are installed at this server: INSTALLED contents/NAME or plugin_providers/NAME.
inline constexpr std::string_view kInstalledSource = "installed://";
/// What this program was built for: "ARCH/OS".
std::string own_platform();
/// Version words.
inline constexpr std::string_view kStable = "stable";
inline constexpr std::string_view kTip = "tip";

/// One file to transfer.
struct Artifact {
  std::string
      source;  // where the catalog says it is, expanded for the architecture: a URL or self://files/...
  std::string
      path;  // below files/, where this server keeps it: "rebar-catalog/NAME/..." by the contract's table
  std::string sha256;  // lower-case hex; "" when the catalog gives none
};

/// Whether this is what is installed here, and in no catalog.
bool is_installed(const Item& item);

/// The artifact of `item` for a target; kNotFound "NAME VERSION has no build for ARCH/OS".
Result<Artifact> artifact_of(const Item& item, std::string_view arch, std::string_view os);
/// Every build of `item`, one artifact for each file.
std::vector<Artifact> artifacts_of(const Item& item);
/// The same, and of an item without checksums every build it may have.
std::vector<Artifact> possible_artifacts_of(const Item& item);

/// Name -> why what is installed here under that name is given to nobody.
using Withheld = std::map<std::string, std::string, std::less<>>;

/// Immutable. Of items with one id the first one counts ("first wins").
class Items {
 public:
  Items() = default;
  /// In the order of their catalogs.
  explicit Items(std::vector<Item> items, Withheld withheld = {});
  const std::vector<Item>& all() const { return items_; }
  const Withheld& withheld() const { return withheld_; }
  const Item* find(std::string_view id) const;
  /// Every item of this name that no earlier catalog hides, in order. `content_type` empty: any.
  std::vector<const Item*> named(std::string_view name, std::string_view content_type) const;
  /// `word`: `stable`, `tip`, or a version. Falls back from an item id to an equal actual version, and for
  /// `stable` and `tip` to the highest release and the newest tip build of that name that is in a catalog.
  /// kNotFound names what the catalog has of that name, and says what is withheld. `content_type` empty: any.
  Result<const Item*> resolve(std::string_view name, std::string_view content_type,
                              std::string_view word) const;

 private:
  Error not_found(std::string_view name, std::string_view content_type, std::string_view word) const;

  std::vector<Item> items_;
  Withheld withheld_;
  std::map<std::string, size_t, std::less<>> by_id_;
  std::map<std::string, std::vector<size_t>, std::less<>> by_name_;
};

/// The highest release without pre-release part for `stable`, the newest tip build for `tip`; nullptr: there
/// is none.
const Item* newest_for(const std::vector<const Item*>& items, std::string_view word);

}  // namespace mullion::catalog
