#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"

namespace mullion {
namespace {

constexpr size_t kRecentLines = 1000;
constexpr size_t kMaxText = 16 * 1024;  // of a line that is kept and published

struct Lines {
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<LogLevel> lowest{LogLevel::kInfo};

  Mutex mutex;  // guards everything below
  uint64_t newest GUARDED_BY(mutex) = 0;
  std::deque<LogLine> recent GUARDED_BY(mutex);
  std::map<uint64_t, LogListener::Function> listeners GUARDED_BY(mutex);

  Lines() {
    logger = std::make_shared<spdlog::logger>("mullion", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %v", spdlog::pattern_time_type::utc);
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
  }
};

thread_local const LogOrigin* current_origin = nullptr;

Lines& lines() {
  static auto* instance = new Lines();  // never destroyed: threads may log while the process ends
  return *instance;
}

void remember(LogLine line) {
  Lines& all = lines();
  Lock lock(all.mutex);
  line.number = ++all.newest;
  for (const auto& [id, listener] : all.listeners) listener(line);
  all.recent.push_back(std::move(line));
  if (all.recent.size() > kRecentLines) all.recent.pop_front();
}

}  // namespace

uint64_t new_log_group() {
  static std::atomic<uint64_t> newest{0};
  return ++newest;
}

LogScope::LogScope(const LogOrigin& origin) : outer_(std::exchange(current_origin, &origin)) {}

LogScope::~LogScope() { current_origin = outer_; }

LogLevel parse_log_level(std::string_view word) {
  if (word == "trace") return LogLevel::kTrace;
  if (word == "debug") return LogLevel::kDebug;
  if (word == "info") return LogLevel::kInfo;
  if (word == "error") return LogLevel::kError;
  return LogLevel::kWarn;
}

std::string_view log_level_word(LogLevel level) {
  constexpr std::string_view kWords[] = {"trace", "debug", "info", "warn", "error", "audit"};
  return kWords[static_cast<size_t>(level)];
}

bool Logger::enabled(LogLevel level) { return level >= lines().lowest.load(std::memory_order_relaxed); }

void Logger::write(LogLevel level, std::string_view text, LogPlace place) const {
  if (enabled(level)) write_always(level, text, place);
}

/// The one way into the log: whatever strangers got into the text, it stays one line that reads in its order.
void Logger::write_always(LogLevel level, std::string_view text, LogPlace place) const {
  const std::string_view word = level == LogLevel::kWarn ? "warning" : log_level_word(level);
  std::string line = escaped(text);
  lines().logger->info("{} {}: {}", word, room_, line);
  if (line.size() > kMaxText) line = escaped(std::string_view(line).substr(0, kMaxText));
  remember({0, std::chrono::system_clock::now(), level, std::string(room_), std::move(line), place,
            current_origin != nullptr ? *current_origin : LogOrigin{}});
}

void set_log_level(LogLevel level) { lines().lowest = level; }

std::vector<LogLine> recent_log_lines() {
  Lines& all = lines();
  Lock lock(all.mutex);
  return {all.recent.begin(), all.recent.end()};
}

LogListener::LogListener(Function function) {
  static std::atomic<uint64_t> ids{0};
  id_ = ++ids;
  Lines& all = lines();
  Lock lock(all.mutex);
  all.listeners.emplace(id_, std::move(function));
}

LogListener::~LogListener() {
  Lines& all = lines();
  Lock lock(all.mutex);
  all.listeners.erase(id_);
}

}  // namespace mullion
