// Calls on one thread, in the order in which they came.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <utility>

#include "base/mutex.h"

namespace mullion::cluster {

/// Thread-safe.
class CallQueue {
 public:
  void put(std::function<void()> call) {
    {
      const Lock lock(mutex_);
      calls_.push_back(std::move(call));
    }
    filled_.notify_one();
  }
  /// What waits, or nothing at `until`.
  std::deque<std::function<void()>> take(std::chrono::steady_clock::time_point until) {
    Lock lock(mutex_);
    filled_.wait_until(lock, until, [this]() REQUIRES(mutex_) { return stopping_ || !calls_.empty(); });
    return std::exchange(calls_, {});
  }
  void stop() {
    {
      const Lock lock(mutex_);
      stopping_ = true;
    }
    filled_.notify_all();
  }
  bool stopping() const {
    const Lock lock(mutex_);
    return stopping_;
  }

 private:
  mutable Mutex mutex_;
  ConditionVariable filled_;
  std::deque<std::function<void()>> calls_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

/// The calls of a queue, until it is stopped and empty.
inline void run_calls(CallQueue& queue) {
  while (true) {
    const auto calls = queue.take(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    for (const auto& call : calls) call();
    if (calls.empty() && queue.stopping()) return;
  }
}

}  // namespace mullion::cluster
