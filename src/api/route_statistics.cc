#include "api/route_statistics.h"

#include <algorithm>

namespace mullion::api {

RouteStatistics::RouteStatistics(size_t routes) : size_(routes), cells_(std::make_unique<Cell[]>(routes)) {}

void RouteStatistics::record(size_t route, double seconds, int status) {
  if (route >= size_) return;
  Cell& cell = cells_[route];
  const auto bound = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), seconds);
  cell.buckets[static_cast<size_t>(bound - kLatencyBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  cell.nanoseconds.fetch_add(static_cast<uint64_t>(seconds * 1e9), std::memory_order_relaxed);
  if (status >= 500) cell.errors.fetch_add(1, std::memory_order_relaxed);
}

void RouteStatistics::read(size_t route, RouteLatency& out) const {
  const Cell& cell = cells_[route];
  out.count = 0;
  for (size_t i = 0; i < out.buckets.size(); ++i) {
    out.buckets[i] = cell.buckets[i].load(std::memory_order_relaxed);
    out.count += out.buckets[i];
  }
  out.errors = cell.errors.load(std::memory_order_relaxed);
  out.sum_seconds = static_cast<double>(cell.nanoseconds.load(std::memory_order_relaxed)) / 1e9;
}

}  // namespace mullion::api
