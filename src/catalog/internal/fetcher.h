// Artifacts as verified files of this server.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "catalog/catalog.h"

namespace mullion::catalog {

/// kCorrupt: `found` is the checksum of what is there.
Error differs(const Artifact& artifact, std::string_view found);

/// Thread-safe.
class Fetcher {
 public:
  explicit Fetcher(const Dependencies& dependencies) : dependencies_(dependencies) {}
  env::Task<Result<content::Blobs::Info>> fetch(Artifact artifact);
  /// Removes what a crash left between receiving and its place. Before the first fetch(). Blocks.
  void sweep();

 private:
  using Info = content::Blobs::Info;
  /// A download that others wait for too.
  struct Pending {
    env::Signal changed;
    std::optional<Result<Info>> result;
  };
  class Claim;

  env::Task<Result<Info>> look(std::string path);
  env::Task<Result<Info>> join(std::shared_ptr<Pending> pending);
  env::Task<Result<Info>> download(Artifact artifact);
  env::Task<Result<Info>> receive(Artifact artifact, std::string part, bool& resumed);
  env::Task<Result<Info>> claim(Artifact artifact, std::shared_ptr<Pending> pending);
  bool is_own(const Artifact& artifact) const;

  const Dependencies& dependencies_;
  std::mutex mutex_;                                         // guards pending_ and what is in it
  std::map<std::string, std::shared_ptr<Pending>> pending_;  // by SHA-256: what is received has that name
};

}  // namespace mullion::catalog
