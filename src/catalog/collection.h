// Which versions below files/rebar-catalog nobody needs. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/items.h"

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

/// What somebody relies on: an item, asked for as Items::resolve() takes it, or a file of this server.
struct Need {
  std::string name, type, word;  // `type` empty: any
  std::string file;              // "files/..." or a URL; then the others are empty
  std::string user;
  bool operator==(const Need&) const = default;
};

/// Why versions ("NAME-VERSION") and files below rebar-catalog stay.
struct Reasons {
  std::multimap<std::string, std::string> versions, paths;
};

/// `files_root` is what URLs of this server's files begin with: "http://ADDRESS:PORT/files/". `stable` and
/// `tip` of every catalog stay with all their files.
Reasons reasons_of(const Items& items, const std::vector<Need>& needed, std::string_view files_root);

/// `stable` and `tip` of each name stay, and every licence.
Collection collect(const std::vector<TreeFile>& files, const Reasons& reasons);

}  // namespace mullion::catalog
