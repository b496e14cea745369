// Bodies of uploads on their way to the disk.
#pragma once

#include "files/file_handle.h"
#include "net/http.h"

namespace mullion::files {

/// Writes `body` behind what `output` holds, at most `most` bytes (kTooLarge), and adds it to `hash`. Hashing
/// and writing happen beside the coroutine threads, in batches, for which `caller` (env::Caller::name) is
/// given memory of env::Memory::kUploads: without any, each piece is written when it comes. After a failure
/// everything that arrived is in the file. Answers the number of bytes.
env::Task<Result<uint64_t>> receive(OutputFile& output, env::Sha256& hash, net::BodySource& body,
                                    uint64_t most, const std::string& caller);

struct ReceivedFile {
  uint64_t size = 0;
  std::string sha256;  // lower-case hex
};
/// Streams a body into the new file `target`, durable. kTooLarge beyond `max_bytes`, kInsufficientStorage;
/// nothing is left of what fails or is cut.
env::Task<Result<ReceivedFile>> receive_file(env::Path target, net::BodySource& body, uint64_t max_bytes);

}  // namespace mullion::files
