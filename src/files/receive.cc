#include "files/receive.h"

#include <fmt/format.h>

#include "env/memory_budget.h"
#include "env/runtime.h"
#include "files/file_handle.h"

namespace mullion::files {

namespace {

/// Large enough that the change of threads costs nothing beside the writing.
constexpr size_t kBatchSize = size_t{512} << 10;

Error too_large(uint64_t most) {
  return Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", most));
}

/// What has come and is not written yet.
class Batch {
 public:
  explicit Batch(const std::string& caller) : caller_(caller) {}

  /// Adds `piece`, the last one where `last` says so, and gives what is to be written now, perhaps nothing.
  std::string_view add(std::string_view piece, bool last) {
    if (!share_ && !piece.empty()) take_room();
    if (!share_) return piece;
    bytes_ += piece;
    return last || bytes_.size() >= kBatchSize ? std::string_view(bytes_) : std::string_view();
  }
  void clear() { bytes_.clear(); }

 private:
  void take_room() {
    constexpr size_t kLargestPiece = size_t{64} << 10;  // of what comes from a connection
    constexpr size_t kRoom = kBatchSize + kLargestPiece;
    std::optional<env::MemoryBudget::Share> share =
        env::memory_for(env::Memory::kUploads).take(kRoom, caller_);
    if (!share) return;
    share_.emplace(std::move(*share));
    bytes_.reserve(kRoom);
  }

  const std::string& caller_;
  std::optional<env::MemoryBudget::Share> share_;
  std::string bytes_;
};

env::Task<Result<void>> write_batch(OutputFile& output, env::Sha256& hash, std::string_view batch) {
  Result<void> written;
  co_await env::run_blocking([&] {
    hash.add(batch);
    written = output.write(batch);
  });
  co_return written;
}

}  // namespace

env::Task<Result<uint64_t>> receive(OutputFile& output, env::Sha256& hash, net::BodySource& body,
                                    uint64_t most, const std::string& caller) {
  if (body.size().value_or(0) > most) co_return too_large(most);
  uint64_t size = 0;
  Batch batch(caller);
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    const bool last = !piece || piece->empty();
    if (!last) {
      size += piece->size();
      if (size > most) co_return too_large(most);
    }
    const std::string_view ready = batch.add(last ? std::string_view() : *piece, last);
    if (!ready.empty()) {
      Result<void> written = co_await write_batch(output, hash, ready);
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
  Result<uint64_t> size = co_await receive(*output, hash, body, max_bytes, "");
  if (!size) co_return size.error();
  Result<void> synced;
  co_await env::run_blocking([&] { synced = output->sync(); });
  if (!synced) co_return synced.error();
  output->keep();
  co_return ReceivedFile{*size, hash.hex()};
}

}  // namespace mullion::files
