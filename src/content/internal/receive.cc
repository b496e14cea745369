#include "content/internal/receive.h"

#include <fmt/format.h>

#include "env/runtime.h"

namespace mullion::content {

namespace {

/// Large enough that the change of threads costs nothing beside the writing.
constexpr size_t kBatchSize = size_t{512} << 10;

Error too_large(uint64_t most) {
  return Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", most));
}

env::Task<Result<void>> write_batch(OutputFile& output, Sha256& hash, const std::string& batch) {
  Result<void> written;
  co_await env::run_blocking([&] {
    hash.add(batch);
    written = output.write(batch);
  });
  co_return written;
}

}  // namespace

env::Task<Result<uint64_t>> receive(OutputFile& output, Sha256& hash, net::BodySource& body, uint64_t most) {
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

}  // namespace mullion::content
