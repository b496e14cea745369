// Structured logging: one line per event, key=value fields, never a secret.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mullion {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

/// Parses trace|debug|info|warn|error; anything else gives kWarn.
LogLevel parse_log_level(std::string_view word);

/// A named logger of one room. Cheap to copy; thread-safe.
/// Message text is free; put machine-readable facts in `key=value` form: log.info("peer lost endpoint={}",
/// id).
class Logger {
 public:
  explicit constexpr Logger(std::string_view room) : room_(room) {}

  template <typename... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) const {
    if (enabled(LogLevel::kDebug)) write(LogLevel::kDebug, fmt::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    if (enabled(LogLevel::kInfo)) write(LogLevel::kInfo, fmt::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) const {
    if (enabled(LogLevel::kWarn)) write(LogLevel::kWarn, fmt::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) const {
    if (enabled(LogLevel::kError)) write(LogLevel::kError, fmt::format(text, std::forward<Args>(args)...));
  }

  static bool enabled(LogLevel level);
  void write(LogLevel level, std::string_view text) const;

 private:
  std::string_view room_;
};

/// Process-wide: lowest level that is written. Default kInfo.
void set_log_level(LogLevel level);
/// The newest lines kept in memory (at most 1000), oldest first: answers GET /logs.
std::vector<std::string> recent_log_lines();

}  // namespace mullion
