// Bodies of uploads on their way to the disk.
#pragma once

#include "content/internal/file_handle.h"
#include "net/http.h"

namespace mullion::content {

/// Writes `body` behind what `output` holds, at most `most` bytes (kTooLarge), and adds it to `hash`. Hashing
/// and writing happen beside the coroutine threads, in batches: memory stays the same whatever the size.
/// After a failure everything that arrived is in the file. Answers the number of bytes.
env::Task<Result<uint64_t>> receive(OutputFile& output, Sha256& hash, net::BodySource& body, uint64_t most);

}  // namespace mullion::content
