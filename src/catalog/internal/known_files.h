// What earlier builds learnt of files, kept beside the data: nothing is read again that did not change.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>

#include "catalog/build.h"
#include "env/file.h"
#include "files/blobs.h"

namespace mullion::catalog {

/// One user at a time. Blocks on the disk.
class KnownFiles {
 public:
  explicit KnownFiles(env::Path file) : file_(std::move(file)) {}

  /// What is known of this content of the file.
  std::optional<ScannedFile> find(const std::string& path, const files::Blobs::Info& info);
  void keep(const ScannedFile& scanned, const files::Blobs::Info& info);
  /// Forgets what was neither found nor kept since the last call, and stores the rest if anything changed.
  void save();

 private:
  struct Entry {
    uint64_t size = 0, number = 0;
    int64_t modified = 0;
    ScannedFile scanned;
    bool seen = false;
  };
  void load();

  const env::Path file_;
  bool loaded_ = false, changed_ = false;
  std::map<std::string, Entry> entries_;
};

}  // namespace mullion::catalog
