// Latency histograms: cheap enough for every request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace mullion {

/// Upper bounds of the buckets, seconds; one more bucket catches the rest.
inline constexpr std::array<double, 12> kLatencyBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                       0.05,   0.1,   0.25,   0.5,   1,    10};

/// A copy of a histogram.
struct Latency {
  std::array<uint64_t, kLatencyBounds.size() + 1> buckets{};  // not cumulative
  uint64_t count = 0;
  uint64_t errors = 0;
  double sum_seconds = 0;
};

/// Thread-safe, lock-free.
class LatencyHistogram {
 public:
  void record(double seconds, bool error);
  Latency read() const;

 private:
  std::array<std::atomic<uint64_t>, kLatencyBounds.size() + 1> buckets_{};
  std::atomic<uint64_t> errors_{0};
  std::atomic<uint64_t> nanoseconds_{0};
};

}  // namespace mullion
