// Open files as the blob tree uses them: read in pieces, written to a temporary name, hashed on the way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/file.h"
#include "env/sha256.h"

namespace mullion::files {

inline constexpr size_t kPieceSize = 256 * 1024;

using env::Sha256;

/// What identifies one content of a file without reading it.
struct FileFacts {
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970
  uint64_t number =
      0;  // inode: tells files apart that were written within one tick of the file system's clock
  bool operator==(const FileFacts&) const = default;
};

/// A regular file open for reading. Symbolic links are not followed.
class InputFile {
 public:
  /// kNotFound when absent or not a regular file.
  static Result<InputFile> open(const env::Path& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  const FileFacts& facts() const { return facts_; }
  /// Up to `size` bytes at `offset` into `out`; shorter only at the end of the file.
  Result<void> read(uint64_t offset, size_t size, std::string& out) const;
  /// Same, but only what is in memory already: false when the disk would have to be waited for.
  bool read_cached(uint64_t offset, size_t size, std::string& out) const;

 private:
  InputFile(int descriptor, FileFacts facts) : descriptor_(descriptor), facts_(facts) {}
  int descriptor_ = -1;
  FileFacts facts_;
};

/// Lower-case hex over the whole file; kUnavailable once `stop` is true. Blocks.
Result<std::string> sha256_of(const InputFile& file, const std::atomic<bool>* stop = nullptr);

/// A file being written. A new one disappears again unless it is moved to its place.
class OutputFile {
 public:
  static Result<OutputFile> create(env::Path path);
  /// Goes on with a file that stays whatever happens, from `offset` on; 0 begins again. kConflict when it is
  /// not `offset` bytes long.
  static Result<OutputFile> resume(env::Path path, uint64_t offset);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Result<void> write(std::string_view bytes);
  /// Takes back what lies behind `size` bytes.
  Result<void> cut(uint64_t size);
  /// Makes the content durable; to be called once, before move_to().
  Result<void> sync();
  /// From now on the file stays where it is, durable or not.
  void keep() { stays_ = true; }
  Result<FileFacts> facts() const;
  /// Renames over `target` and makes the directory entry durable.
  Result<void> move_to(const env::Path& target);
  const env::Path& path() const { return path_; }

 private:
  OutputFile(int descriptor, env::Path path, bool stays)
      : descriptor_(descriptor), path_(std::move(path)), stays_(stays) {}
  int descriptor_ = -1;
  env::Path path_;
  bool stays_ = false;
};

/// SHA-256 of a file, lower-case hex. Blocks.
Result<std::string> file_sha256(const env::Path& file);

}  // namespace mullion::files
