#include "base/latency.h"

#include <algorithm>

namespace mullion {

void LatencyHistogram::record(double seconds, bool error) {
  const auto bound = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), seconds);
  buckets_[static_cast<size_t>(bound - kLatencyBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<uint64_t>(seconds * 1e9), std::memory_order_relaxed);
  if (error) errors_.fetch_add(1, std::memory_order_relaxed);
}

Latency LatencyHistogram::read() const {
  Latency out;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    out.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    out.count += out.buckets[i];
  }
  out.errors = errors_.load(std::memory_order_relaxed);
  out.sum_seconds = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
  return out;
}

}  // namespace mullion
