// The web interface that is built into the program: one block of bytes made by tools/pack_ux.py (docs/ux.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::api {

struct PackedFile {
  std::string name;  // "index.html", "assets/index-B1x9Yz0Q.js"
  std::string media_type;
  std::string sha256;  // of the uncompressed bytes, lower-case hex
  std::string_view gzip;
  uint64_t length = 0;  // uncompressed
};

/// Immutable, so thread-safe.
class UxPack {
 public:
  /// A pack without files.
  UxPack() = default;
  /// Reads the index of `bytes`, which must outlive the pack; no bytes are a pack without files. kCorrupt
  /// says what is wrong: nothing of such a pack is served. Streams are looked at when they are unpacked.
  static Result<UxPack> read(std::string_view bytes);

  bool empty() const { return files_.empty(); }
  /// nullptr when there is no such file.
  const PackedFile* find(std::string_view name) const;

 private:
  std::vector<PackedFile> files_;  // sorted by name
};

/// The uncompressed bytes. kCorrupt when they are not those that the index names.
Result<std::string> unpacked(const PackedFile& file);

}  // namespace mullion::api
