// What is installed at this server as its last catalog. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/items.h"

namespace mullion::catalog {

/// A content pack or a plugin provider that was installed here.
struct Installed {
  std::string content_type;  // ContentPackage | PluginProvider
  std::string name, version;
  std::string sha256;  // of what would be sent; may be empty when it is withheld
  boost::json::object meta;
  std::string withheld;  // why it is given to nobody; empty: it is offered
};

struct InstalledItems {
  std::vector<Item> items;
  Withheld withheld;
};

/// Items for what `listed`, the items of all catalogs, does not have: each with its exact version, and as
/// `stable` or `tip` when no catalog has anything of its name. Copies that another server brought do not
/// count there. `platform` is what the providers are for: "ARCH/OS".
InstalledItems installed_items(const std::vector<Item>& listed, const std::vector<Installed>& here,
                               std::string_view platform);

/// What the source of an artifact names; absent: nothing that is installed here.
struct InstalledName {
  std::string content_type, name;
  bool operator==(const InstalledName&) const = default;
};
std::optional<InstalledName> installed_name(std::string_view source);

}  // namespace mullion::catalog
