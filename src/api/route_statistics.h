// Latency histograms by route: cheap enough for every request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mullion::api {

/// Upper bounds of the buckets, seconds; one more bucket catches the rest.
inline constexpr std::array<double, 12> kLatencyBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                       0.05,   0.1,   0.25,   0.5,   1,    10};

/// A copy of one route's histogram.
struct RouteLatency {
  std::string method, route;
  std::array<uint64_t, kLatencyBounds.size() + 1> buckets{};  // not cumulative
  uint64_t count = 0;
  uint64_t errors = 0;  // answers with status >= 500
  double sum_seconds = 0;
};

/// Thread-safe, lock-free when recording. Routes are numbered 0..size-1.
class RouteStatistics {
 public:
  explicit RouteStatistics(size_t routes);
  void record(size_t route, double seconds, int status);
  /// Fills the numbers of `out`; names are the caller's business.
  void read(size_t route, RouteLatency& out) const;
  size_t size() const { return size_; }

 private:
  struct Cell {
    std::array<std::atomic<uint64_t>, kLatencyBounds.size() + 1> buckets{};
    std::atomic<uint64_t> errors{0};
    std::atomic<uint64_t> nanoseconds{0};
  };
  size_t size_;
  std::unique_ptr<Cell[]> cells_;
};

}  // namespace mullion::api
