// Archives: looked into, and unpacked with suspicion.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/file.h"

namespace mullion::files {

struct ExplodeLimits {
  uint64_t max_bytes = uint64_t{64} << 30;
  size_t max_entries = 200'000;
  /// Unpacked bytes for each byte of the archive; the first `free_bytes` are not judged.
  uint64_t max_ratio = 250;
  uint64_t free_bytes = uint64_t{64} << 20;
  /// Isos of distributions hold links, mostly to themselves: they are left out instead of refused, except
  /// second names of files that were unpacked before them.
  bool leave_links_out = false;
  /// Ends the unpacking with kUnavailable once it is true.
  const std::atomic<bool>* stop = nullptr;
};

/// Unpacks `archive` (zip, tar, tar compressed with gzip, bzip2, xz, zstd or lz4, iso) into the new directory
/// `target`, without starting a program. Answers the paths of the files, relative. kInvalid for links,
/// devices, paths that leave the directory, entries without a readable name (their number is told), and
/// unreadable archives; kTooLarge beyond a limit. Blocks.
Result<std::vector<std::string>> explode(const env::Path& archive, const env::Path& target,
                                         const ExplodeLimits& limits);

/// Name and content of the first `count` entries of an archive, fewer when there are no more; a longer
/// content is cut off after `max_bytes`. Nothing is unpacked. kInvalid. Blocks.
Result<std::vector<std::pair<std::string, std::string>>> first_entries(const env::Path& archive, size_t count,
                                                                       uint64_t max_bytes);

/// What a gzip stream holds. kInvalid when it is none or is cut off; kTooLarge when it holds more than
/// `max_bytes`.
Result<std::string> gunzip(std::string_view stream, uint64_t max_bytes);

/// Puts the folder `tree` in the place of `place`, whatever is there, in one step, and removes what was
/// there. Both lie in one file system. Blocks.
Result<void> put_tree(const env::Path& tree, const env::Path& place);

}  // namespace mullion::files
