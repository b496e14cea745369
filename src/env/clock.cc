#include "env/clock.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <string_view>

namespace mullion::env {
namespace {

class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

class BootClock final : public Clock {
 public:
  WallTime wall() const override { return system_clock().wall(); }
  SteadyTime steady() const override {
    struct timespec now {};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return SteadyTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
};

bool read_number(std::string_view& text, size_t digits, int& out) {
  if (text.size() < digits) return false;
  int number = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  out = number;
  return true;
}

bool skip(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

bool read_fraction(std::string_view& text, int64_t& nanoseconds) {
  nanoseconds = 0;
  if (!skip(text, '.')) return true;
  int64_t scale = 100'000'000;
  size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    nanoseconds += (text.front() - '0') * scale;
    scale /= 10;
    ++digits;
    text.remove_prefix(1);
  }
  return digits > 0;
}

bool read_offset(std::string_view& text, int& seconds) {
  seconds = 0;
  if (skip(text, 'Z') || skip(text, 'z')) return text.empty();
  const int sign = text.empty() ? 0 : text.front() == '+' ? 1 : text.front() == '-' ? -1 : 0;
  if (sign == 0) return false;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!read_number(text, 2, hours) || !skip(text, ':') || !read_number(text, 2, minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  seconds = sign * (hours * 3600 + minutes * 60);
  return text.empty();
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

const Clock& boot_clock() {
  static const BootClock clock;
  return clock;
}

WallTime ManualClock::wall() const {
  return WallTime(std::chrono::seconds(1767225600)) + Duration(elapsed_.load());
}

SteadyTime ManualClock::steady() const { return SteadyTime(Duration(elapsed_.load())); }

std::string format_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

bool parse_rfc3339(std::string_view text, WallTime& out) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, offset = 0;
  int64_t nanoseconds = 0;
  if (!read_number(text, 4, year) || !skip(text, '-') || !read_number(text, 2, month) || !skip(text, '-') ||
      !read_number(text, 2, day) || !(skip(text, 'T') || skip(text, 't')) || !read_number(text, 2, hour) ||
      !skip(text, ':') || !read_number(text, 2, minute) || !skip(text, ':') ||
      !read_number(text, 2, second) || !read_fraction(text, nanoseconds) || !read_offset(text, offset)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return false;
  const auto seconds = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                       std::chrono::minutes(minute) + std::chrono::seconds(second - offset);
  // Times outside what nanoseconds since 1970 can hold (such as the zero time of year 1) are pinned to the
  // edge.
  constexpr int64_t kLimit = 9'223'372'036;
  const int64_t count = std::chrono::duration_cast<std::chrono::seconds>(seconds).count();
  if (count <= -kLimit) {
    out = WallTime(std::chrono::seconds(-kLimit));
  } else if (count >= kLimit) {
    out = WallTime(std::chrono::seconds(kLimit));
  } else {
    out = WallTime(std::chrono::seconds(count) + Duration(nanoseconds));
  }
  return true;
}

}  // namespace mullion::env
