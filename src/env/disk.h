// What a file system still takes, and files that change places for good.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "env/file.h"

namespace mullion::env {

/// Bytes that this process may still write to the file system of `path`, which must exist. What is kept back
/// for the superuser counts only when the process is that.
Result<uint64_t> free_space(const Path& path);

/// Moves a file so that after a crash it is at `to` whole, or what was at `to` before still is.
Result<void> move_durably(const Path& from, const Path& to);

}  // namespace mullion::env
