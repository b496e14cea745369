// Which versions below files/rebar-catalog nobody needs. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace mullion::catalog {

/// A file below files/rebar-catalog.
struct TreeFile {
  std::string path;
  uint64_t bytes = 0;
};

/// One version of an item with its files.
struct KeptVersion {
  std::string id;                  // "NAME-VERSION"
  std::vector<std::string> paths;  // below rebar-catalog
  uint64_t bytes = 0;
  std::vector<std::string> reasons;  // why it stays, sorted; empty: nobody needs it
};

struct Collection {
  std::vector<KeptVersion> unused, kept;  // sorted by id
};

/// `needed`: ids of versions with the reasons. `stable` and `tip` of each name stay, and every licence.
Collection collect(const std::vector<TreeFile>& files, const std::multimap<std::string, std::string>& needed);

}  // namespace mullion::catalog
