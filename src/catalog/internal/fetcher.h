// Artifacts as verified files of this server.
#pragma once

#include <map>
#include <memory>

#include "base/mutex.h"
#include "catalog/catalog.h"

namespace mullion::catalog {

/// kCorrupt: `found` is the checksum of what is there.
Error differs(const Artifact& artifact, std::string_view found);

/// Thread-safe.
class Fetcher {
 public:
  explicit Fetcher(const Dependencies& dependencies)
      : dependencies_(dependencies), downloads_(dependencies.runtime.executor(), "downloads") {}
  /// Whoever is cancelled leaves the others their download; it is given up when nobody waits for it.
  env::Task<Result<files::Blobs::Info>> fetch(Artifact artifact);
  /// Removes what a crash left between receiving and its place. Before the first fetch(). Blocks.
  void sweep();
  /// Before the runtime ends.
  env::Task<void> stop() { return downloads_.async_stop(); }

 private:
  using Info = files::Blobs::Info;
  /// A download and who waits for it.
  struct Pending {
    env::Signal changed;
    std::optional<Result<Info>> result;
    size_t waiting = 0;
  };
  using PendingPtr = std::shared_ptr<Pending>;
  class Claim;
  class Waiter;

  env::Task<Result<Info>> look(std::string path);
  env::Task<Result<Info>> join(PendingPtr pending);
  env::Task<void> until_over(PendingPtr pending);
  PendingPtr begin_or_join(const Artifact& artifact);
  void settle(const std::string& sha256, Pending& pending, Result<Info> result) REQUIRES(mutex_);
  void finish(const std::string& sha256, const PendingPtr& pending, Result<Info> result);
  env::Task<void> work(Artifact artifact, PendingPtr pending);
  env::Task<Result<Info>> download(Artifact artifact);
  env::Task<Result<Info>> receive(Artifact artifact, std::string part, bool& resumed);
  bool is_own(const Artifact& artifact) const;

  const Dependencies& dependencies_;
  Mutex mutex_;  // guards pending_ and what is in it
  /// By SHA-256: what is received has that name.
  std::map<std::string, PendingPtr> pending_ GUARDED_BY(mutex_);
  env::TaskGroup downloads_;
};

}  // namespace mullion::catalog
