#include "base/log.h"

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace mullion {
namespace {

constexpr size_t kRecentLines = 1000;

struct Sinks {
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> recent =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kRecentLines);
  std::shared_ptr<spdlog::logger> logger;

  Sinks() {
    auto stderr_sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger = std::make_shared<spdlog::logger>("mullion", spdlog::sinks_init_list{stderr_sink, recent});
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    logger->set_level(spdlog::level::info);
    logger->flush_on(spdlog::level::info);
  }
};

Sinks& sinks() {
  static auto* instance = new Sinks();  // never destroyed: threads may log while the process ends
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

LogLevel parse_log_level(std::string_view word) {
  if (word == "trace") return LogLevel::kTrace;
  if (word == "debug") return LogLevel::kDebug;
  if (word == "info") return LogLevel::kInfo;
  if (word == "error") return LogLevel::kError;
  return LogLevel::kWarn;
}

bool Logger::enabled(LogLevel level) { return sinks().logger->should_log(to_spdlog(level)); }

void Logger::write(LogLevel level, std::string_view text) const {
  sinks().logger->log(to_spdlog(level), "{}: {}", room_, text);
}

void set_log_level(LogLevel level) { sinks().logger->set_level(to_spdlog(level)); }

std::vector<std::string> recent_log_lines() { return sinks().recent->last_formatted(); }

}  // namespace mullion
