// Files as the rest of Mullion sees them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::env {

using Path = std::filesystem::path;

Result<std::string> read_file(const Path& path);
/// Writes to a temporary neighbour, syncs, renames, syncs the directory: readers see the old or the new
/// content. `mode` are the permission bits of the new file.
Result<void> write_file_atomic(const Path& path, std::string_view content, unsigned mode = 0644);
/// Appends to a regular file, which is made when it is absent. All or nothing as far as the disk allows: a
/// failed write is cut off again. kTooLarge when the file would be larger than `max_size`. Not synced. One
/// writer at a time.
Result<void> append_to_file(const Path& path, std::string_view content, uint64_t max_size,
                            unsigned mode = 0640);
/// The bytes of a file, durable, as a file of its own that replaces what was there: readers see the old or
/// the new content.
Result<void> copy_file_atomic(const Path& from, const Path& to, unsigned mode);
Result<void> make_directories(const Path& path, unsigned mode = 0755);
Result<void> sync_directory(const Path& path);
Result<void> remove_tree(const Path& path);

/// Holds an exclusive advisory lock on a file for as long as it lives.
class FileLock {
 public:
  /// Fails with kConflict, naming the holder's process id, when another process holds it.
  static Result<FileLock> acquire(const Path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// Maps errno to the error table: ENOSPC and EDQUOT give kInsufficientStorage, ENOENT kNotFound, the rest
/// kInternal.
Error error_from_errno(int number, std::string_view what);

}  // namespace mullion::env
