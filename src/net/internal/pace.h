// How fast a peer takes or gives bytes.
#pragma once

#include <cstdint>

#include "env/clock.h"

namespace mullion::net::internal {

/// Measures over windows of time spent waiting for the peer: what the server itself takes its time for does
/// not count. One user at a time.
class Pace {
 public:
  /// `least_rate` in bytes per second; 0: any pace will do.
  Pace(uint64_t least_rate, env::Duration window) : least_rate_(least_rate), window_(window) {}

  /// Adds what was moved and how long that was waited for. False when a whole window stayed below the least
  /// rate.
  bool add(uint64_t bytes, env::Duration waited) {
    bytes_ += bytes;
    waited_ += waited;
    if (least_rate_ == 0 || waited_ < window_) return true;
    const double seconds = std::chrono::duration<double>(waited_).count();
    const bool fast_enough = static_cast<double>(bytes_) >= static_cast<double>(least_rate_) * seconds;
    bytes_ = 0;
    waited_ = env::Duration::zero();
    return fast_enough;
  }

  /// What is left of the window to wait.
  env::Duration left() const { return least_rate_ == 0 ? env::Duration::max() : window_ - waited_; }
  uint64_t least_rate() const { return least_rate_; }

 private:
  const uint64_t least_rate_;
  const env::Duration window_;
  uint64_t bytes_ = 0;
  env::Duration waited_{};
};

}  // namespace mullion::net::internal
