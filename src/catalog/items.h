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

/// One CatalogItem (contract manager.md section 5.1).
struct Item {
  std::string id, name, version, actual_version;
  std::string content_type;  // ContentPackage | PluginProvider | DRP | DRPUX | DRPCLI
  std::string source;
  std::map<std::string, std::string> sha256;  // "ARCH/OS" or "any/any" -> lower-case hex; absent builds are left out
  bool tip = false;
  bool hot_fix = false;
  boost::json::object meta;

  /// kInvalid names the member that is wrong.
  static Result<Item> parse(const boost::json::object& object);
  boost::json::object json() const;
};

/// One file to transfer.
struct Artifact {
  std::string source;  // where the catalog says it is, expanded for the architecture
  std::string path;    // below files/, when the source is of this server's own tree ("rebar-catalog/..."), else ""
  std::string sha256;
};

/// The artifact of `item` for a target; kNotFound "NAME VERSION has no build for ARCH/OS".
Result<Artifact> artifact_of(const Item& item, std::string_view arch, std::string_view os);

/// Immutable. Of items with one id the first one counts ("first wins").
class Items {
 public:
  Items() = default;
  /// In the order of their catalogs.
  explicit Items(std::vector<Item> items);
  const std::vector<Item>& all() const { return items_; }
  const Item* find(std::string_view id) const;
  /// `word`: `stable`, `tip`, or a version. Falls back from an item id to an equal actual version. kNotFound names what
  /// the catalog has of that name. `content_type` empty: any.
  Result<const Item*> resolve(std::string_view name, std::string_view content_type, std::string_view word) const;

 private:
  std::vector<Item> items_;
  std::map<std::string, size_t, std::less<>> by_id_;
};

}  // namespace mullion::catalog
