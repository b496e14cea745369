// Which files of a catalog are wanted, and which of them are missing. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/items.h"

namespace mullion::cli {

/// Which items of a catalog are wanted.
struct CatalogFilter {
  bool all = false;                // the whole history
  std::vector<std::string> words;  // of every name: `stable`, `tip`, versions
  /// Name and version word of single items, as a version set has them.
  std::vector<std::pair<std::string, std::string>> single;
};

/// The items that the filter chooses, sorted by id, no file twice. A word that fits no item at all, and a
/// single item that is not there, are kNotFound.
Result<std::vector<const catalog::Item*>> choose_items(const catalog::Items& source,
                                                       const CatalogFilter& filter);

/// Files of `items` that are not in `present` (path below files/ -> SHA-256), sorted by path.
std::vector<catalog::Artifact> missing_files(const std::vector<const catalog::Item*>& items,
                                             const std::map<std::string, std::string>& present);

/// What a catalog says is there: path below files/ -> SHA-256.
std::map<std::string, std::string> files_of(const catalog::Items& items);

/// The newest of names such as "1.2.10.json"; "" when there is none.
std::string newest_catalog(const std::vector<std::string>& names);

}  // namespace mullion::cli
