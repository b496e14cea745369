// Commits under way: in order, bounded, without waiting for each.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "env/timers.h"
#include "store/store.h"

namespace mullion::replication {

/// One user at a time; answers arrive on the writer thread.
class CommitPipe {
 public:
  CommitPipe(store::Store& store, const env::Timers& timers) : store_(store), timers_(timers) {}

  /// Hands `batch` to the store; waits first while too much is under way. The error is that of an earlier
  /// batch: nothing that came after it may be trusted.
  env::Task<Result<void>> submit(store::Batch batch);
  /// The same without waiting, for whoever has awaited room() or drain(). Thread-safe.
  Result<void> push(store::Batch batch);
  /// Waits while too much is under way.
  env::Task<Result<void>> room();
  /// Called on the writer thread when a batch is refused.
  void on_failure(std::function<void()> callback);
  /// Called on the writer thread when a batch is stored.
  void on_stored(std::function<void()> callback);
  /// How many batches were submitted, and how many of them, in order, are stored. Thread-safe.
  uint64_t submitted() const;
  uint64_t stored() const;
  bool failed() const;
  /// Waits until all is durable.
  env::Task<Result<void>> drain();
  /// (owner, type) whose digests were not what a batch expected, since the last call.
  std::set<std::pair<std::string, std::string>> take_differences();
  /// Whether there are differences of `owner` to be taken. Thread-safe.
  bool differs(const std::string& owner) const;

 private:
  struct Shared {
    Mutex mutex;
    size_t bytes GUARDED_BY(mutex) = 0;
    size_t batches GUARDED_BY(mutex) = 0;
    uint64_t submitted GUARDED_BY(mutex) = 0, stored GUARDED_BY(mutex) = 0;
    std::optional<Error> failure GUARDED_BY(mutex);
    std::function<void()> on_failure GUARDED_BY(mutex), on_stored GUARDED_BY(mutex);
    std::set<std::pair<std::string, std::string>> differences GUARDED_BY(mutex);
    env::Signal changed;
  };
  env::Task<Result<void>> wait_below(size_t bytes, size_t batches);

  store::Store& store_;
  const env::Timers& timers_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace mullion::replication
