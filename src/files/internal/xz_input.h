// Files that are compressed with xz, unpacked in an amount of memory that is ours to choose: whoever
// compresses one chooses how much of it has to be kept to unpack it, up to 4 GiB.
#pragma once

#include <lzma.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace mullion::files {

class XzInput {
 public:
  /// What xz -9 needs, and once more.
  static constexpr uint64_t kMostMemory = uint64_t{128} << 20;

  /// Null when the file at `descriptor` is not compressed with xz.
  static Result<std::unique_ptr<XzInput>> open(int descriptor);
  ~XzInput();
  XzInput(const XzInput&) = delete;
  XzInput& operator=(const XzInput&) = delete;

  /// At most `size` bytes of what was compressed; 0 behind the last one. kTooLarge, kInvalid.
  Result<size_t> read(char* data, size_t size);

 private:
  explicit XzInput(int descriptor) : descriptor_(descriptor), packed_(kPiece, '\0') {}

  static constexpr size_t kPiece = size_t{64} << 10;
  Result<void> refill();

  const int descriptor_;
  std::string packed_;
  uint64_t offset_ = 0;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace mullion::files
