// Time that stands still until a test moves it: a clock and what waits by it.
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <thread>

#include "base/mutex.h"
#include "env/clock_testing.h"
#include "env/launch.h"
#include "env/timers.h"
#include "env/unless.h"

namespace mullion::env {

/// Waits end when a signal comes or when advance() has brought the clock to their end. Thread-safe; outlives
/// who waits.
class ManualTime final : public Clock, public Timers {
 public:
  WallTime wall() const override { return clock_.wall(); }
  SteadyTime steady() const override { return clock_.steady(); }
  void advance(Duration step) {
    clock_.advance(step);
    moved_.notify_all();
  }
  void set_wall_by(Duration step) { clock_.set_wall_by(step); }
  /// The process is another one. Nobody may be waiting.
  void restart() { clock_.restart(); }

  Task<bool> wait(Signal& signal, uint64_t seen, Duration timeout) const override {
    const Waiting waiting(*this, timeout);
    while (true) {
      const uint64_t moved = moved_.version();
      if (signal.version() != seen) co_return true;
      if (steady() >= waiting.end()) co_return false;
      co_await unless(until_notified(signal, seen), until_moved(moved));
    }
  }
  Task<bool> sleep_for(Duration duration) const override {
    const Waiting waiting(*this, duration);
    while (true) {
      const uint64_t moved = moved_.version();
      if (steady() >= waiting.end()) co_return true;
      co_await until_moved(moved);
    }
  }

  /// Whether somebody waits who asked to wait that long at most.
  bool waits_for(Duration timeout) const {
    Lock lock(mutex_);
    return std::ranges::count(waits_, timeout, &Wait::timeout) > 0;
  }
  /// How many waits that were to be that long at most have ended.
  size_t ended(Duration timeout) const {
    Lock lock(mutex_);
    const auto found = ended_.find(timeout);
    return found == ended_.end() ? 0 : found->second;
  }
  size_t waits() const {
    Lock lock(mutex_);
    return waits_.size();
  }
  /// How long until the next wait ends, at most `limit`.
  Duration until_next_end(Duration limit) const {
    Lock lock(mutex_);
    for (const Wait& wait : waits_) limit = std::min(limit, wait.end - steady());
    return limit;
  }

 private:
  struct Wait {
    SteadyTime end;
    Duration timeout;
  };
  class Waiting {
   public:
    Waiting(const ManualTime& time, Duration timeout) : time_(time) {
      Lock lock(time_.mutex_);
      place_ = time_.waits_.insert(time_.waits_.end(), {time_.steady() + timeout, timeout});
    }
    ~Waiting() {
      Lock lock(time_.mutex_);
      ++time_.ended_[place_->timeout];
      time_.waits_.erase(place_);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    SteadyTime end() const { return place_->end; }

   private:
    const ManualTime& time_;
    std::list<Wait>::iterator place_;
  };

  static constexpr Duration kForEver = std::chrono::hours(24);
  static Task<bool> until_notified(Signal& signal, uint64_t seen) {
    co_return co_await signal.wait(seen, kForEver);
  }
  Task<void> until_moved(uint64_t moved) const { co_await moved_.wait(moved, kForEver); }

  TwoHandedClock clock_;
  mutable Signal moved_;
  mutable Mutex mutex_;
  mutable std::list<Wait> waits_ GUARDED_BY(mutex_);
  mutable std::map<Duration, size_t> ended_ GUARDED_BY(mutex_);
};

/// Lets time pass until `condition` holds, at most `limit`; whether it held in the end. Each step goes to
/// what waits the shortest, and is taken when `runtime` has done what it had to do before, so that nothing
/// times out because the machine is busy.
template <typename Condition>
bool passes_until(ManualTime& time, Runtime& runtime, Condition condition,
                  Duration limit = std::chrono::minutes(3)) {
  constexpr Duration kLongestStep = std::chrono::milliseconds(500);
  constexpr Duration kShortestStep = std::chrono::milliseconds(1);
  constexpr int kRounds = 4;  // what was done wakes others
  const SteadyTime end = time.steady() + limit;
  while (!condition()) {
    if (time.steady() >= end) return false;
    for (int i = 0; i < kRounds; ++i) run(runtime, []() -> Task<void> { co_return; });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (condition()) return true;
    const Duration left = std::min(kLongestStep, end - time.steady());
    time.advance(std::max(kShortestStep, time.until_next_end(left)));
  }
  return true;
}

}  // namespace mullion::env
