// What a program prints, as lines fit for our log: cut at a length, bounded in number.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "env/clock.h"

namespace mullion::plugins {

/// The end of what a program printed, as one short line for an error: the newest lines, escaped and cut. Not
/// thread-safe.
class LastWords {
 public:
  static constexpr size_t kLines = 3;
  static constexpr size_t kLongestLine = 200;  // bytes before they are escaped

  void add(const std::vector<std::string>& lines);
  /// "; it said: a / b", or "" when there was nothing.
  std::string text() const;

 private:
  std::deque<std::string> lines_;
};

/// Not thread-safe.
class LogLines {
 public:
  static constexpr size_t kLongestLine = 4096;
  static constexpr size_t kMostLines = 500;  // in each period
  static constexpr auto kPeriod = std::chrono::seconds(10);

  /// `secret` never appears in a line.
  explicit LogLines(std::string secret) : secret_(std::move(secret)) {}
  /// The lines that `bytes` complete. What is beyond the bound is counted and told in one line later.
  std::vector<std::string> add(std::string_view bytes, env::SteadyTime now);
  /// Lines are being left out: whoever reads should take its time.
  bool flooded() const { return dropped_ > 0; }
  /// What stands there without a line end, when nothing more comes.
  std::vector<std::string> finish();

 private:
  void end_line(std::vector<std::string>& out);
  void begin_period(env::SteadyTime now, std::vector<std::string>& out);

  const std::string secret_;
  std::string line_;
  env::SteadyTime period_begin_{};
  size_t lines_ = 0;
  size_t dropped_ = 0;
};

}  // namespace mullion::plugins
