// Checksums of all uploads at hand, so that nobody walks the disk to tell them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "files/blobs.h"
#include "files/internal/checksums.h"

namespace mullion::files {

/// Thread-safe. Read from the side tree when it is made.
class UploadList {
 public:
  /// More than `most` would be a tree that nobody looks after by name.
  UploadList(const env::Path& root, const Checksums& sums, size_t most = 200'000);
  /// `sha256` empty: there is no such upload any more.
  void set(const std::string& name, const std::string& sha256);
  /// See Blobs::uploads().
  Blobs::Uploads read(std::string_view without, size_t most) const;

 private:
  const size_t most_;
  mutable Mutex mutex_;
  bool full_ GUARDED_BY(mutex_) = false;  // there was one more
  std::map<std::string, std::string> entries_ GUARDED_BY(mutex_);
};

}  // namespace mullion::files
