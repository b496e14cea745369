// A file that a library writes in one call of many minutes, and that can be broken off nevertheless.
#pragma once

#include <atomic>
#include <functional>

#include "env/file.h"

namespace mullion::env {

/// Makes `path`, which must not exist, out of what `write` writes into the descriptor that it is given: in
/// order, without seeking. Not synced; the page cache is left to others where the file system can do that.
/// Once `stop` is true the descriptor takes no more (EPIPE) and the outcome is kUnavailable; when the disk
/// takes no more the outcome is that error. Either goes before what `write` answers. A file that failed is
/// left for the caller to remove. Blocks; starts a thread that has ended when this returns.
Result<void> write_piped_file(const Path& path, unsigned mode, const std::atomic<bool>* stop,
                              const std::function<Result<void>(int descriptor)>& write);

}  // namespace mullion::env
