// Whether a peer takes what it is given fast enough.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace mullion::replication {

/// Judges the time that a writer waits for its peer; not thread-safe.
class Pace {
 public:
  /// What a peer that has to be waited for must take, bytes a second.
  static constexpr int64_t kLeastRate = 2 << 10;
  /// What it must take of a single write that is large.
  static constexpr int64_t kLeastRateOfLarge = 32 << 10;
  /// Waiting is judged over so much of it, and any single write may take so long.
  static constexpr std::chrono::seconds kWindow{30};

  /// How long a write of `bytes` may take.
  static std::chrono::nanoseconds limit(size_t bytes) {
    return std::max(kWindow, std::chrono::seconds(static_cast<int64_t>(bytes) / kLeastRateOfLarge));
  }

  /// A write of `bytes` was waited for. False: over the last half a minute of waiting, or more, the peer took
  /// less than it must.
  bool keeps(size_t bytes, std::chrono::nanoseconds waited) {
    bytes_ += static_cast<int64_t>(bytes);
    waited_ += waited;
    if (waited_ < kWindow) return true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited_).count();
    const bool kept = bytes_ >= seconds * kLeastRate;
    bytes_ = 0;
    waited_ = {};
    return kept;
  }

 private:
  int64_t bytes_ = 0;
  std::chrono::nanoseconds waited_{};
};

}  // namespace mullion::replication
