// Catalogs of elsewhere, as `manager_catalog_urls` names them. What was read last stays in use while they
// cannot be read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "catalog/catalog.h"
#include "catalog/items.h"
#include "env/runtime.h"

namespace mullion::catalog {

/// The items of a catalog document: a content pack with section `catalog_items`, or that section alone. Items
/// that make no sense are left out and told. kInvalid: no catalog.
struct ReadCatalog {
  std::vector<Item> items;
  std::vector<std::string> warnings;
};
Result<ReadCatalog> read_catalog(std::string_view text);

/// `manager_catalog_urls` of the body of profile global: a list, or one text with commas.
std::vector<std::string> catalog_places(std::string_view profile_body);

/// Thread-safe, but one refresh() at a time.
class RemoteCatalogs {
 public:
  RemoteCatalogs(const Dependencies& dependencies, env::Path cache)
      : dependencies_(dependencies),
        cache_(std::move(cache)),
        readers_(dependencies.runtime.executor(), "catalogs") {}

  /// From now on only these places are read; reading others is given up. `current` is asked under a lock, so
  /// that the last one to ask knows best.
  std::vector<std::string> want(const std::function<std::vector<std::string>()>& current);
  /// Reads places again, several at once: "self://PATH" below files/, http(s) URLs. Each has been read, has
  /// failed or is not wanted any more when it ends, after two minutes at the latest.
  env::Task<void> refresh(std::vector<std::string> places);
  /// Those that nothing is known of: neither read nor failed, now or by an earlier process.
  std::vector<std::string> unknown(const std::vector<std::string>& places);
  /// Forgets all others.
  void keep_only(const std::vector<std::string>& places);
  /// Without asking anybody: what was read last, in the order of the places. Blocks on the disk.
  std::vector<Item> items(const std::vector<std::string>& places);
  std::vector<std::string> problems() const;
  /// Before the runtime ends; after who calls refresh().
  env::Task<void> stop();

 private:
  using ItemList = std::shared_ptr<const std::vector<Item>>;
  struct Known {
    std::string etag;
    ItemList items;  // nullptr: never read
    std::string problem;
  };
  /// What reading a place brought. Absent text: what the etag stood for is still current.
  struct Document {
    std::optional<std::string> text;
    std::string etag;
  };
  struct Round;
  env::Task<void> read_some(std::shared_ptr<Round> round);
  env::Task<void> read_one(std::string place);
  bool is_wanted(const std::string& place) const;
  env::Task<void> until_unwanted(std::string place);
  env::Task<Result<Document>> read_place(std::string place, std::string etag);
  static Result<Document> read_own(const files::Blobs::Info& info, const std::string& etag);
  env::Path cache_file(const std::string& place) const;
  void load(const std::string& place);
  void take(const std::string& place, const Result<Document>& document);
  void take_problem(const std::string& place, std::string problem);

  const Dependencies& dependencies_;
  const env::Path cache_;
  env::TaskGroup readers_;
  Mutex want_mutex_;  // taken before mutex_
  env::Signal wanted_changed_;
  mutable Mutex mutex_;  // guards everything below
  std::set<std::string> wanted_ GUARDED_BY(mutex_);
  std::map<std::string, Known> known_ GUARDED_BY(mutex_);
};

}  // namespace mullion::catalog
