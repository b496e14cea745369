// What is installed at this server, and its bytes as verified files.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "catalog/catalog.h"
#include "catalog/installed.h"

namespace mullion::catalog {

/// Thread-safe. Blocks.
class InstalledHere {
 public:
  explicit InstalledHere(const Dependencies& dependencies) : dependencies_(dependencies) {}
  /// Calls `changed` whenever list() becomes another one, for as long as layers and providers live.
  void follow(std::function<void()> changed);
  std::vector<Installed> list();
  /// The bytes of an artifact whose source is_installed(): kNotFound when it is installed no more or
  /// withheld, kCorrupt when its checksum differs.
  Result<files::Blobs::Info> open(const Artifact& artifact);

 private:
  std::vector<Installed> read() const;
  Installed read_pack(const packs::Layers::Component& component) const;
  void forget_files(const std::vector<Installed>& kept) const;
  Result<files::Blobs::Info> write_pack(const std::string& name, const std::string& sha256) const;

  const Dependencies& dependencies_;
  const std::shared_ptr<std::atomic<uint64_t>> changes_ = std::make_shared<std::atomic<uint64_t>>(0);
  Mutex mutex_;  // guards everything below, and the files of packs
  std::optional<uint64_t> seen_ GUARDED_BY(mutex_);
  std::vector<Installed> list_ GUARDED_BY(mutex_);
};

}  // namespace mullion::catalog
