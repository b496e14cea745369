#include "events/log_feed.h"

#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "base/mutex.h"

namespace mullion::events {
namespace {

namespace json = boost::json;
constexpr size_t kMostWaiting = 1000;

/// True on a thread that is publishing a line.
thread_local bool publishing = false;

void publish_one(EventBus& events, const LogLine& line) {
  publishing = true;
  events.publish(kLogEvents, log_level_word(line.level), line.room, "system",
                 json::serialize(log_line_object(line)));
  publishing = false;
}

LogLine left_out_line(uint64_t count, env::WallTime now) {
  return {0,
          std::chrono::time_point_cast<std::chrono::system_clock::duration>(now),
          LogLevel::kWarn,
          "events",
          fmt::format("lines left out because they came faster than they could be published count={}", count),
          LogPlace::of(std::source_location::current()),
          LogOrigin{}};
}

}  // namespace

json::object log_line_object(const LogLine& line) {
  json::object out;
  out["Group"] = line.origin.group;
  out["Seq"] = line.number;
  out["Time"] = env::format_rfc3339(std::chrono::time_point_cast<env::Duration>(line.time));
  out["Service"] = line.room;
  out["Principal"] = line.origin.principal;
  out["Level"] = log_level_word(line.level);
  out["File"] = line.place.file;
  out["Line"] = line.place.line;
  out["Message"] = line.text;
  out["Data"] = json::array();
  out["IgnorePublish"] = false;
  return out;
}

LogFeed::LogFeed(EventBus& events, env::TaskGroup& tasks)
    : listener_([state = state_, &events](const LogLine& line) { take(*state, events, line); }) {
  tasks.spawn("log events", [state = state_, &events] { return publish(state, events); });
}

void LogFeed::take(State& state, EventBus& events, const LogLine& line) {
  if (publishing || !events.wanted(kLogEvents, line.room)) return;
  {
    Lock lock(state.mutex);
    if (state.waiting.size() >= kMostWaiting) {
      ++state.left_out;
      return;
    }
    state.waiting.push_back(line);
  }
  state.signal.notify_all();
}

env::Task<void> LogFeed::publish(std::shared_ptr<State> state, EventBus& events) {
  while ((co_await boost::asio::this_coro::cancellation_state).cancelled() ==
         boost::asio::cancellation_type::none) {
    const uint64_t seen = state->signal.version();
    std::deque<LogLine> lines;
    {
      Lock lock(state->mutex);
      lines.swap(state->waiting);
      const uint64_t left_out = std::exchange(state->left_out, 0);
      if (left_out > 0) lines.push_back(left_out_line(left_out, events.now()));
    }
    for (const LogLine& line : lines) publish_one(events, line);
    co_await state->signal.wait(seen, std::chrono::hours(1));
  }
}

}  // namespace mullion::events
