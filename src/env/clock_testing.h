// A clock for tests whose two hands move apart.
#pragma once

#include <atomic>

#include "env/clock.h"

namespace mullion::env {

/// Wall and steady time that tests move by hand, separately: somebody sets the clock, the machine sleeps.
/// Thread-safe.
class TwoHandedClock final : public Clock {
 public:
  WallTime wall() const override { return WallTime(Duration(wall_.load())); }
  SteadyTime steady() const override { return SteadyTime(Duration(steady_.load())); }
  /// Time passes.
  void advance(Duration step) {
    wall_ += step.count();
    steady_ += step.count();
  }
  /// Somebody sets the wall clock.
  void set_wall_by(Duration step) { wall_ += step.count(); }
  /// The process is another one: its steady clock begins elsewhere.
  void restart() { steady_ = std::chrono::nanoseconds(std::chrono::hours(7)).count(); }

 private:
  std::atomic<int64_t> wall_{ManualClock().wall().time_since_epoch().count()};
  std::atomic<int64_t> steady_{std::chrono::nanoseconds(std::chrono::hours(1000)).count()};
};

}  // namespace mullion::env
