// The local catalog: built from files/rebar-catalog, kept as a content pack, joined with other catalogs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "catalog/collection.h"
#include "catalog/items.h"
#include "env/clock.h"
#include "env/runtime.h"
#include "files/blobs.h"
#include "packs/layers.h"
#include "plugins/providers.h"
#include "store/store.h"

namespace mullion::catalog {

using env::Task;

struct BuildReport {
  std::string version;                      // of the pack that is loaded now
  bool changed = false;                     // it was written by this build
  size_t items = 0, files = 0, hashed = 0;  // `hashed`: the others were known by size, time and inode
  std::vector<std::string> warnings;        // what was left out, and why
};

/// Thread-safe.
class Catalog {
 public:
  virtual ~Catalog() = default;
  /// Scans, hashes what is new, writes both output files and loads the pack: readers see the old or the new
  /// catalog, and after a failure the old one. Callers that come while a build runs share the one after it,
  /// so that each sees what was there when it called. Programs of plugin providers for this platform are run
  /// (`define`). kInsufficientStorage.
  virtual Task<Result<BuildReport>> build(std::string principal) = 0;
  /// All catalogs joined: own objects, catalog packs, `manager_catalog_urls` of profile global in their
  /// order, then what is installed at this server.
  virtual std::shared_ptr<const Items> items() const = 0;
  /// Called after items() changed; on any thread, be short.
  virtual void on_change(std::function<void()> listener) = 0;
  /// The artifact as a verified file of this server; one that comes from elsewhere is fetched into
  /// files/rebar-catalog first, once however many ask; what is installed here is given as it is. kCorrupt
  /// when its checksum differs: "NAME: expected sha256 X, the file has Y"; kInvalid when it would come from
  /// elsewhere without a checksum; kUnreachable, kInsufficientStorage.
  virtual Task<Result<files::Blobs::Info>> fetch(Artifact artifact) = 0;
  /// Versions below files/rebar-catalog that are neither `stable` nor `tip` of any catalog nor in `needed`,
  /// and those that stay. Blocks on the disk.
  virtual Collection unused(const std::vector<Need>& needed) = 0;
  /// Deletes the files of these versions and builds anew.
  virtual Task<Result<BuildReport>> remove(std::vector<KeptVersion> versions, std::string principal) = 0;
  /// What could not be read of `manager_catalog_urls`: "URL: reason".
  virtual std::vector<std::string> problems() const = 0;

  virtual void start() = 0;
  virtual Task<void> stop() = 0;
};

/// How slowly a body may come, as in net::ClientOptions: a transfer has an end that its size decides.
struct Pace {
  uint64_t least = uint64_t{16} << 10;
  env::Duration window = std::chrono::seconds(30);
};

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  packs::Layers& layers;
  plugins::Providers& providers;
  files::Blobs& blobs;
  env::Path base_root;
  std::function<std::string()> static_url;  // "http://ADDRESS:PORT", for Source of built items
  std::string platform = own_platform();    // "ARCH/OS" of this server
  env::Duration define_limit = std::chrono::seconds(30);
  env::Duration refresh_interval = std::chrono::minutes(5);  // of catalogs behind URLs
  uint64_t max_download = uint64_t{64} << 30;
  Pace pace = {};  // of what comes from elsewhere
  const env::Clock& clock;
};
std::unique_ptr<Catalog> make_catalog(Dependencies dependencies);

}  // namespace mullion::catalog
