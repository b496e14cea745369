// Checksums of all uploads at hand, so that nobody walks the disk to tell them.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "content/internal/checksums.h"

namespace mullion::content {

/// Thread-safe. Read from the side tree when it is first asked for.
class UploadList {
 public:
  UploadList(env::Path root, const Checksums& sums) : root_(std::move(root)), sums_(sums) {}
  /// `sha256` empty: there is no such upload any more.
  void set(const std::string& name, const std::string& sha256);
  /// At most `most` entries in the order of names, without those whose names begin with `without` (unless empty).
  std::map<std::string, std::string> read(std::string_view without, size_t most);

 private:
  void load();

  const env::Path root_;
  const Checksums& sums_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::map<std::string, std::string> entries_;
};

}  // namespace mullion::content
