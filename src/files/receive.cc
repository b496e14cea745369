#include "files/receive.h"

#include <fmt/format.h>

#include "env/runtime.h"
#include "files/file_handle.h"

namespace mullion::files {

namespace {

/// Large enough that the change of threads costs nothing beside the writing.
constexpr size_t kBatchSize = size_t{512} << 10;

Error too_large(uint64_t most) {
  return Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", most));
}

env::Task<Result<void>> write_batch(OutputFile& output, env::Sha256& hash, const std::string& batch) {
  Result<void> written;
  co_await env::run_blocking([&] {
    hash.add(batch);
    written = output.write(batch);
  });
  co_return written;
}

}  // namespace

env::Task<Result<uint64_t>> receive(OutputFile& output, env::Sha256& hash, net::BodySource& body,
                                    uint64_t most) {
  if (body.size().value_or(0) > most) co_return too_large(most);
  uint64_t size = 0;
  std::string batch;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    const bool last = !piece || piece->empty();
    if (!last) {
      size += piece->size();
      if (size > most) co_return too_large(most);
      batch += *piece;
    }
    if (last || batch.size() >= kBatchSize) {
      Result<void> written = co_await write_batch(output, hash, batch);
      if (!written) co_return written.error();
      batch.clear();
    }
    if (!piece) co_return piece.error();
    if (last) co_return size;
  }
}

env::Task<Result<ReceivedFile>> receive_file(env::Path target, net::BodySource& body, uint64_t max_bytes) {
  auto output = OutputFile::create(std::move(target));
  if (!output) co_return output.error();
  env::Sha256 hash;
  Result<uint64_t> size = co_await receive(*output, hash, body, max_bytes);
  if (!size) co_return size.error();
  Result<void> synced;
  co_await env::run_blocking([&] { synced = output->sync(); });
  if (!synced) co_return synced.error();
  output->keep();
  co_return ReceivedFile{*size, hash.hex()};
}

}  // namespace mullion::files
