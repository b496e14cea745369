// What plans are to know of this server's files.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/mutex.h"
#include "env/pools.h"
#include "files/blobs.h"
#include "plan/plan.h"

namespace mullion::apply {

/// Sizes and checksums of this server's files, until somebody says that they changed. Thread-safe. A checksum
/// that nobody has computed takes minutes, perhaps, and is never computed where others wait.
class FileFacts {
 public:
  using OwnFile = plan::PlanInputs::OwnFile;
  /// Finds files; it may be called again, and begins anew then.
  using Work = std::function<void(std::set<std::string>& unsummed)>;

  explicit FileFacts(files::Blobs& blobs) : blobs_(blobs) {}
  /// Absent, and added to `unsummed`, while nobody has computed its checksum. Blocks on the disk for a short
  /// time.
  std::optional<OwnFile> find(const std::string& path, std::set<std::string>& unsummed);
  /// Runs `work` as computing on the account of `caller`, and again as often as it lacked checksums, which
  /// are computed as long work in between. Files that change all the time are left out in the end.
  /// kUnavailable: too much waits already, but never for the server itself.
  env::Task<Result<void>> provide(env::Caller caller, Work work);
  void forget();

 private:
  env::Task<Result<void>> sum(std::set<std::string> unsummed, env::Caller caller);
  uint64_t times_forgotten() const;
  void keep(const std::string& path, const std::optional<OwnFile>& file, uint64_t forgotten);

  files::Blobs& blobs_;
  mutable Mutex mutex_;
  std::map<std::string, std::optional<OwnFile>> known_ GUARDED_BY(mutex_);
  uint64_t forgotten_ GUARDED_BY(mutex_) = 0;
};

}  // namespace mullion::apply
