// Archives unpacked with suspicion.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/file.h"

namespace mullion::content {

struct ExplodeLimits {
  uint64_t max_bytes = uint64_t{64} << 30;
  size_t max_entries = 200'000;
  /// Unpacked bytes for each byte of the archive; the first `free_bytes` are not judged.
  uint64_t max_ratio = 250;
  uint64_t free_bytes = uint64_t{64} << 20;
};

/// Unpacks `archive` (zip, tar, compressed tar, iso) into the new directory `target`. Answers the paths of
/// the files, relative. kInvalid for links, devices, paths that leave the directory, and unreadable archives;
/// kTooLarge beyond a limit. Blocks.
Result<std::vector<std::string>> explode(const env::Path& archive, const env::Path& target,
                                         const ExplodeLimits& limits);

}  // namespace mullion::content
