// Structured logging: one line per event, key=value fields, never a secret.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mullion {

/// kAudit tells who came in and what was unlocked; it is written whatever the lowest level is.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kAudit };

/// Parses trace|debug|info|warn|error; anything else gives kWarn.
LogLevel parse_log_level(std::string_view word);
/// "trace", "debug", "info", "warn", "error" or "audit".
std::string_view log_level_word(LogLevel level);

/// One line as it was written.
struct LogLine {
  uint64_t number = 0;  // grows by one with each line of this process
  std::chrono::system_clock::time_point time;
  LogLevel level = LogLevel::kInfo;
  std::string room;
  std::string text;
};

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
  template <typename... Args>
  void audit(fmt::format_string<Args...> text, Args&&... args) const {
    write(LogLevel::kAudit, fmt::format(text, std::forward<Args>(args)...));
  }

  static bool enabled(LogLevel level);
  /// Writes when `level` is enabled.
  void write(LogLevel level, std::string_view text) const;
  /// Writes whatever the lowest level is: for requests whose client asked for their log.
  void write_always(LogLevel level, std::string_view text) const;

 private:
  std::string_view room_;
};

/// Process-wide: lowest level that is written. Default kInfo.
void set_log_level(LogLevel level);
/// The newest lines kept in memory (at most 1000), oldest first: answers GET /logs.
std::vector<LogLine> recent_log_lines();

/// Hears every line that is written until it is destroyed. The listener runs on the thread that writes the
/// line, possibly under locks of its caller: it must neither block nor log.
class LogListener {
 public:
  using Function = std::function<void(const LogLine&)>;
  explicit LogListener(Function function);
  ~LogListener();
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;

 private:
  uint64_t id_;
};

}  // namespace mullion
