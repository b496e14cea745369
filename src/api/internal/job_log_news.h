// Tells that logs of jobs grow: an event of Type `job_logs`, at most two a second for each job.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "env/timers.h"
#include "events/event_bus.h"
#include "joblogs/job_logs.h"

namespace mullion::api {

inline constexpr std::string_view kJobLogEvents = "job_logs";

/// Thread-safe.
class JobLogNews {
 public:
  /// So much later it is told, with whatever came until then.
  static constexpr env::Duration kDelay = std::chrono::milliseconds(500);
  /// Jobs of which news may wait; that of more is left out.
  static constexpr size_t kMostJobs = 10'000;

  JobLogNews(events::EventBus& events, joblogs::JobLogs& logs, env::TaskGroup& tasks,
             const env::Timers& timers)
      : state_(std::make_shared<State>(events, logs, timers)), tasks_(tasks) {}

  /// The log of `job`, a run on `machine`, has grown.
  void grown(std::string job, std::string machine);

 private:
  struct State {
    State(events::EventBus& events_given, joblogs::JobLogs& logs_given, const env::Timers& timers_given)
        : events(events_given), logs(logs_given), timers(timers_given) {}
    events::EventBus& events;
    joblogs::JobLogs& logs;
    const env::Timers& timers;
    Mutex mutex;
    std::set<std::string> waiting GUARDED_BY(mutex);
  };
  static env::Task<void> tell(std::shared_ptr<State> state, std::string job, std::string machine);

  std::shared_ptr<State> state_;
  env::TaskGroup& tasks_;
};

}  // namespace mullion::api
