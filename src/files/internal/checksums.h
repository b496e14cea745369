// SHA-256 of files, remembered in a side tree for as long as size, time and inode of a file stay the same.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "files/file_handle.h"

namespace mullion::files {

class Checksums {
 public:
  explicit Checksums(env::Path directory, const std::atomic<bool>* stop = nullptr)
      : directory_(std::move(directory)), stop_(stop) {}
  /// Remembered, or computed by reading the whole file; kUnavailable when the server stops meanwhile.
  Result<std::string> of(const std::string& name, const InputFile& file) const;
  /// Absent when it would have to be computed.
  std::optional<std::string> remembered(const std::string& name, const InputFile& file) const;
  /// Where a file comes from: an upload is what somebody wanted here, the rest came with one.
  enum class Origin { kUpload, kOther };
  void remember(const std::string& name, const FileFacts& facts, const std::string& sha256,
                Origin origin) const;
  void forget(const std::string& name) const;
  /// Whether what is remembered of the file says so.
  bool is_upload(const std::string& name) const;
  /// Names of remembered uploads, in no order, until `visit` returns false. What it names may be gone by now.
  void visit_uploads(const std::function<bool(const std::string& name)>& visit) const;

 private:
  env::Path entry(const std::string& name) const;
  env::Path directory_;
  const std::atomic<bool>* stop_;
};

}  // namespace mullion::files
