#include "replication/commit_pipe.h"

#include <algorithm>

#include "base/mutex.h"

namespace mullion::replication {
namespace {

constexpr size_t kMaxBytes = 16 << 20;
constexpr size_t kMaxBatches = 512;
constexpr auto kPatience = std::chrono::minutes(1);

size_t batch_bytes(const store::Batch& batch) {
  size_t bytes = 0;
  for (const store::Change& change : batch.changes) bytes += 128 + (change.body ? change.body->size() : 0);
  return bytes;
}

}  // namespace

env::Task<Result<void>> CommitPipe::wait_below(size_t bytes, size_t batches) {
  while (true) {
    const uint64_t seen = shared_->changed.version();
    {
      Lock lock(shared_->mutex);
      if (shared_->failure) co_return *shared_->failure;
      if (shared_->bytes <= bytes && shared_->batches <= batches) co_return Result<void>{};
    }
    co_await timers_.wait(shared_->changed, seen, kPatience);
  }
}

env::Task<Result<void>> CommitPipe::room() { return wait_below(kMaxBytes, kMaxBatches); }

env::Task<Result<void>> CommitPipe::submit(store::Batch batch) {
  if (Result<void> waited = co_await room(); !waited) co_return waited;
  co_return push(std::move(batch));
}

Result<void> CommitPipe::push(store::Batch batch) {
  // Whatever a peer says, it never writes what is ours.
  const bool ours = std::ranges::any_of(
      batch.changes, [](const store::Change& change) { return !store::is_remote(change.id.owner); });
  if (ours) return Error(ErrorCode::kInternal, "a stream tried to change objects of this server");
  const size_t bytes = batch_bytes(batch);
  {
    Lock lock(shared_->mutex);
    shared_->bytes += bytes;
    ++shared_->batches;
    ++shared_->submitted;
  }
  store_.commit(std::move(batch), [shared = shared_, bytes](Result<store::Committed> done) {
    std::function<void()> tell;
    {
      Lock lock(shared->mutex);
      shared->bytes -= bytes;
      --shared->batches;
      if (done) {
        for (const store::TypeDigest& actual : done->differences)
          shared->differences.emplace(actual.owner, actual.type);
      }
      if (!done && !shared->failure) {
        shared->failure = done.error();
        tell = shared->on_failure;
      } else if (!shared->failure) {
        ++shared->stored;
        tell = shared->on_stored;
      }
    }
    if (tell) tell();
    shared->changed.notify_all();
  });
  return {};
}

void CommitPipe::on_failure(std::function<void()> callback) {
  Lock lock(shared_->mutex);
  shared_->on_failure = std::move(callback);
}

void CommitPipe::on_stored(std::function<void()> callback) {
  Lock lock(shared_->mutex);
  shared_->on_stored = std::move(callback);
}

uint64_t CommitPipe::submitted() const {
  Lock lock(shared_->mutex);
  return shared_->submitted;
}

uint64_t CommitPipe::stored() const {
  Lock lock(shared_->mutex);
  return shared_->stored;
}

bool CommitPipe::differs(const std::string& owner) const {
  Lock lock(shared_->mutex);
  return std::ranges::any_of(shared_->differences, [&](const auto& item) { return item.first == owner; });
}

bool CommitPipe::failed() const {
  Lock lock(shared_->mutex);
  return shared_->failure.has_value();
}

env::Task<Result<void>> CommitPipe::drain() { return wait_below(0, 0); }

std::set<std::pair<std::string, std::string>> CommitPipe::take_differences() {
  Lock lock(shared_->mutex);
  return std::exchange(shared_->differences, {});
}

}  // namespace mullion::replication
