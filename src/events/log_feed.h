// Lines of the log on their way to clients: GET /logs and events of type `log`.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <deque>

#include "base/log.h"
#include "base/mutex.h"
#include "events/event_bus.h"

namespace mullion::events {

/// Type of events that are lines of the log.
inline constexpr std::string_view kLogEvents = "log";

/// The contract's LogLine.
boost::json::object log_line_object(const LogLine& line);

/// Publishes each line as event `log`.LEVEL.ROOM while somebody listens. Lines are handed over through a
/// bounded queue: who logs never waits, and what is logged while a line is published is not published.
class LogFeed {
 public:
  LogFeed(EventBus& events, env::TaskGroup& tasks);
  LogFeed(const LogFeed&) = delete;
  LogFeed& operator=(const LogFeed&) = delete;

 private:
  struct State {
    Mutex mutex;
    std::deque<LogLine> waiting GUARDED_BY(mutex);
    uint64_t left_out GUARDED_BY(mutex) = 0;  // since the last line that was published
    env::Signal signal;
  };
  static void take(State& state, EventBus& events, const LogLine& line);
  static env::Task<void> publish(std::shared_ptr<State> state, EventBus& events);

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  LogListener listener_;
};

}  // namespace mullion::events
