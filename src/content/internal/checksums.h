// SHA-256 of files, remembered in a side tree for as long as size, time and inode of a file stay the same.
#pragma once

#include <string>

#include "content/internal/file_handle.h"

namespace mullion::content {

class Checksums {
 public:
  explicit Checksums(env::Path directory) : directory_(std::move(directory)) {}
  /// Remembered, or computed by reading the whole file.
  Result<std::string> of(const std::string& name, const InputFile& file) const;
  void remember(const std::string& name, const FileFacts& facts, const std::string& sha256) const;
  void forget(const std::string& name) const;

 private:
  env::Path entry(const std::string& name) const;
  env::Path directory_;
};

}  // namespace mullion::content
