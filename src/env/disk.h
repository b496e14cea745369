// What a file system still takes, and files that change places for good.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "env/file.h"

namespace mullion::env {

/// Bytes that this process may still write to the file system of `path`, which must exist. What is kept back
/// for the superuser counts only when the process is that.
Result<uint64_t> free_space(const Path& path);

/// Makes the file system keep room for the first `size` bytes of an existing file, whose length stays as it
/// is: what is written there later finds its place. kInsufficientStorage when there is none.
Result<void> reserve_space(const Path& path, uint64_t size);

/// What is read of the file from now on comes from the device, as far as the system allows.
Result<void> forget_cached(const Path& path);

/// What was written to the file is on the device.
Result<void> sync_file(const Path& path);

/// Moves a file so that after a crash it is at `to` whole, or what was at `to` before still is.
Result<void> move_durably(const Path& from, const Path& to);

}  // namespace mullion::env
