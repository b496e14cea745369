// Structured logging: one line per event, key=value fields, never a secret.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace mullion {

/// kAudit tells who came in and what was unlocked; it is written whatever the lowest level is.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kAudit };

/// Parses trace|debug|info|warn|error; anything else gives kWarn.
LogLevel parse_log_level(std::string_view word);
/// "trace", "debug", "info", "warn", "error" or "audit".
std::string_view log_level_word(LogLevel level);

/// Where a line is written in the sources.
struct LogPlace {
  std::string_view file;  // below src/: where it was compiled is nobody's business
  uint32_t line = 0;

  static constexpr LogPlace of(const std::source_location& where) {
    std::string_view file = where.file_name();
    constexpr std::string_view kRoot = "src/";
    if (const size_t at = file.rfind(kRoot); at != std::string_view::npos)
      file.remove_prefix(at + kRoot.size());
    return {file, where.line()};
  }
};

/// For whom lines are written: what belongs to one request has one group.
struct LogOrigin {
  uint64_t group = 0;  // 0: the server's own lines
  std::string principal = "system";
};
/// A group that no other lines of this process have.
uint64_t new_log_group();

/// One line as it was written.
struct LogLine {
  uint64_t number = 0;  // grows by one with each line of this process
  std::chrono::system_clock::time_point time;
  LogLevel level = LogLevel::kInfo;
  std::string room;
  std::string text;
  LogPlace place;
  LogOrigin origin;
};

/// What this thread writes while it lives has the origin, which must outlive it. Not for coroutines to hold
/// while they wait: they may go on on another thread.
class LogScope {
 public:
  explicit LogScope(const LogOrigin& origin);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  const LogOrigin* outer_;
};

/// A format string, checked when it is compiled, and the place where it stands.
template <typename... Args>
struct LogText {
  template <typename Text>
  consteval LogText(const Text& text, std::source_location where = std::source_location::current())
      : format(text), place(LogPlace::of(where)) {}
  fmt::format_string<Args...> format;
  LogPlace place;
};

/// A named logger of one room. Cheap to copy; thread-safe.
/// Message text is free; put machine-readable facts in `key=value` form: log.info("peer lost endpoint={}",
/// id).
class Logger {
 public:
  explicit constexpr Logger(std::string_view room) : room_(room) {}

  template <typename... Args>
  void debug(LogText<std::type_identity_t<Args>...> text, Args&&... args) const {
    if (enabled(LogLevel::kDebug))
      write(LogLevel::kDebug, fmt::format(text.format, std::forward<Args>(args)...), text.place);
  }
  template <typename... Args>
  void info(LogText<std::type_identity_t<Args>...> text, Args&&... args) const {
    if (enabled(LogLevel::kInfo))
      write(LogLevel::kInfo, fmt::format(text.format, std::forward<Args>(args)...), text.place);
  }
  template <typename... Args>
  void warn(LogText<std::type_identity_t<Args>...> text, Args&&... args) const {
    if (enabled(LogLevel::kWarn))
      write(LogLevel::kWarn, fmt::format(text.format, std::forward<Args>(args)...), text.place);
  }
  template <typename... Args>
  void error(LogText<std::type_identity_t<Args>...> text, Args&&... args) const {
    if (enabled(LogLevel::kError))
      write(LogLevel::kError, fmt::format(text.format, std::forward<Args>(args)...), text.place);
  }
  template <typename... Args>
  void audit(LogText<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(LogLevel::kAudit, fmt::format(text.format, std::forward<Args>(args)...), text.place);
  }

  static bool enabled(LogLevel level);
  /// Writes when `level` is enabled.
  void write(LogLevel level, std::string_view text,
             LogPlace place = LogPlace::of(std::source_location::current())) const;
  /// Writes whatever the lowest level is: for requests whose client asked for their log.
  void write_always(LogLevel level, std::string_view text,
                    LogPlace place = LogPlace::of(std::source_location::current())) const;

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
