// Open files as the blob tree uses them: read in pieces, written to a temporary name, hashed on the way.
#pragma once

#include <sodium.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/file.h"

namespace mullion::content {

inline constexpr size_t kPieceSize = 256 * 1024;

/// SHA-256 in steps.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// Lower-case hex; ends the computation.
  std::string hex();

 private:
  crypto_hash_sha256_state state_;
};

/// What identifies one content of a file without reading it.
struct FileFacts {
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970
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

 private:
  InputFile(int descriptor, FileFacts facts) : descriptor_(descriptor), facts_(facts) {}
  int descriptor_ = -1;
  FileFacts facts_;
};

/// A new file that disappears again unless it is moved to its place.
class OutputFile {
 public:
  static Result<OutputFile> create(env::Path path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Result<void> write(std::string_view bytes);
  /// Makes the content durable; to be called once, before move_to().
  Result<void> sync();
  /// Renames over `target` and makes the directory entry durable.
  Result<void> move_to(const env::Path& target);
  const env::Path& path() const { return path_; }

 private:
  OutputFile(int descriptor, env::Path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  env::Path path_;
};

/// Facts of a regular file; kNotFound otherwise.
Result<FileFacts> file_facts(const env::Path& path);

}  // namespace mullion::content
