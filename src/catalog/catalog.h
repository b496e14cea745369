// The local catalog: built from files/rebar-catalog, kept as a content pack, joined with other catalogs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "catalog/items.h"
#include "content/content.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::catalog {

using env::Task;

struct BuildReport {
  std::string version;  // of the pack that was written
  size_t items = 0, files = 0, hashed = 0;  // `hashed`: the others were known by size, time and inode
  std::vector<std::string> warnings;        // what was left out, and why
};

/// A version nobody needs, for the garbage collection.
struct Unused {
  std::string id, path;
  uint64_t bytes = 0;
};

/// Thread-safe.
class Catalog {
 public:
  virtual ~Catalog() = default;
  /// Scans, hashes what is new, writes both output files and loads the pack, in this order and each atomically: readers see
  /// the old or the new catalog. A build under way is joined. Errors: kInvalid (an item that contradicts itself),
  /// kInsufficientStorage.
  virtual Task<Result<BuildReport>> build(std::string principal) = 0;
  /// All catalogs joined: own objects, catalog packs, then `manager_catalog_urls` of profile global in their order.
  virtual std::shared_ptr<const Items> items() const = 0;
  /// Called after items() changed; on any thread, be short.
  virtual void on_change(std::function<void()> listener) = 0;
  /// The artifact as a verified file of this server; one that comes from elsewhere is fetched into
  /// files/rebar-catalog first. kCorrupt when its checksum differs: "NAME: expected sha256 X, the file has Y".
  virtual Task<Result<content::Blobs::Info>> fetch(Artifact artifact) = 0;
  /// Items below files/rebar-catalog that are neither `stable` nor `tip` nor in `needed` (ids).
  virtual std::vector<Unused> unused(const std::vector<std::string>& needed) const = 0;

  virtual void start() = 0;
  virtual Task<void> stop() = 0;
};

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  content::Layers& layers;
  content::Blobs& blobs;
  env::Path base_root;
  std::function<std::string()> static_url;  // "http://ADDRESS:PORT", for Source of built items
};
std::unique_ptr<Catalog> make_catalog(Dependencies dependencies);

}  // namespace mullion::catalog
