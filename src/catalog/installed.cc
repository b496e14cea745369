#include "catalog/installed.h"

#include <fmt/format.h>

#include <set>

#include "catalog/build.h"
#include "catalog/internal/places.h"

namespace mullion::catalog {

namespace {

/// Content types, and where the API has what is installed of them.
constexpr std::pair<std::string_view, std::string_view> kCollections[] = {
    {"ContentPackage", "contents/"}, {"PluginProvider", "plugin_providers/"}};

std::string source_of(const Installed& installed) {
  for (const auto& [type, collection] : kCollections) {
    if (type == installed.content_type)
      return fmt::format("{}{}{}", kInstalledSource, collection, installed.name);
  }
  return {};
}

Item item_of(const Installed& installed, std::string_view platform) {
  Item item = version_item(installed.name, installed.version, installed.content_type, source_of(installed));
  const bool pack = installed.content_type == "ContentPackage";
  item.sha256.emplace(pack ? kEverywhere : platform, installed.sha256);
  item.meta = installed.meta;
  return item;
}

/// What may be an item: a catalog is built at each server, and names become parts of paths.
bool may_be_item(const Installed& installed) {
  return installed.name != kPackName && is_item_word(installed.name) && is_item_word(installed.version) &&
         is_item_word(fmt::format("{}-{}", installed.name, installed.version));
}

/// What the catalogs have.
struct Known {
  explicit Known(const std::vector<Item>& listed) {
    for (const Item& item : listed) {
      versions.emplace(item.name, item.actual_version);
      if (!item.meta.contains(kBroughtBy)) names.insert(item.name);
    }
  }
  std::set<std::pair<std::string_view, std::string_view>> versions;
  std::set<std::string_view> names;
};

}  // namespace

InstalledItems installed_items(const std::vector<Item>& listed, const std::vector<Installed>& here,
                               std::string_view platform) {
  const Known known(listed);
  InstalledItems out;
  for (const Installed& installed : here) {
    if (!may_be_item(installed)) continue;
    if (!installed.withheld.empty()) {
      out.withheld.emplace(installed.name, installed.withheld);
      continue;
    }
    const Item item = item_of(installed, platform);
    if (!known.versions.contains({installed.name, installed.version})) out.items.push_back(item);
    if (known.names.contains(installed.name)) continue;
    for (const std::string_view word : {kStable, kTip}) {
      if (newest_for({&item}, word) != nullptr) out.items.push_back(alias_of(item, word));
    }
  }
  return out;
}

std::optional<InstalledName> installed_name(std::string_view source) {
  if (!source.starts_with(kInstalledSource)) return std::nullopt;
  source.remove_prefix(kInstalledSource.size());
  for (const auto& [type, collection] : kCollections) {
    if (!source.starts_with(collection)) continue;
    const std::string_view rest = source.substr(collection.size());
    std::string name(rest.substr(0, rest.find('/')));  // programs: NAME/ARCH/OS/NAME
    if (is_item_word(name)) return InstalledName{std::string(type), std::move(name)};
  }
  return std::nullopt;
}

}  // namespace mullion::catalog
