// What has to be copied to bring a server's own catalog up to another one. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace mullion::cli {

/// Which items of a catalog are wanted.
struct CatalogFilter {
  std::string version;  // "": every version; "stable", or one version
  bool tip = false;     // development versions too
};

/// One file: where it is, and its path below files/.
struct CatalogCopy {
  std::string url;
  std::string path;
};

/// Files of the items of `source` that `local` does not have, or has with other checksums; no file twice.
/// Items whose Source has no `/rebar-catalog/` in it cannot be placed and are left out.
std::vector<CatalogCopy> plan_catalog_update(const boost::json::object& source,
                                             const boost::json::object& local, const CatalogFilter& filter);

/// URLs of an item's files: one, or one for each platform ("amd64/linux") it is there for.
std::vector<std::string> item_urls(const boost::json::value& item);
/// The URL for one platform.
std::string item_url(const boost::json::value& item, const std::string& platform);

/// The newest of names such as "1.2.10.json"; "" when there is none.
std::string newest_catalog(const std::vector<std::string>& names);

}  // namespace mullion::cli
