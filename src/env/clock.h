// Time as the process sees it; the only place that asks the OS for it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace mullion::env {

using Duration = std::chrono::nanoseconds;
/// Wall-clock time, UTC, since 1970.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;
/// Monotonic time for ages and deadlines.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

/// The machine's clocks. Lives for ever.
const Clock& system_clock();

/// The same, but its steady time goes on while the machine is suspended: for leases, which others believe to
/// have ended. Lives for ever.
const Clock& boot_clock();

/// A clock that tests move by hand; starts at 2026-01-01T00:00:00Z.
class ManualClock final : public Clock {
 public:
  WallTime wall() const override;
  SteadyTime steady() const override;
  void advance(Duration step) { elapsed_ += step.count(); }

 private:
  std::atomic<int64_t> elapsed_{0};
};

/// RFC 3339 with nanoseconds, "2026-01-01T00:00:00.000000001Z".
std::string format_rfc3339(WallTime time);
/// Parses RFC 3339 (any offset, optional fraction). False: not a time.
bool parse_rfc3339(std::string_view text, WallTime& out);

}  // namespace mullion::env
