#include "api/internal/job_log_keeper.h"

namespace mullion::api {
namespace {

env::Task<void> remove_logs(joblogs::JobLogs& logs, std::vector<std::string> jobs) {
  co_await env::run_blocking([&] {
    for (const std::string& job : jobs) logs.remove(job);
  });
}

env::Task<void> sweep(store::Store& store, joblogs::JobLogs& logs) {
  co_await env::run_blocking([&] {
    for (const std::string& job : logs.jobs()) {
      if (!store.snapshot()->get_local("jobs", job)) logs.remove(job);
    }
  });
}

store::Interest own_jobs_removed() {
  return {.rules = {{"jobs", store::Interest::Owners::kOwn, /*removals_only=*/true}}};
}

}  // namespace

JobLogKeeper::JobLogKeeper(store::Store& store, env::Runtime& runtime, joblogs::JobLogs& logs,
                           env::TaskGroup& tasks)
    : store_(store),
      logs_(logs),
      tasks_(tasks),
      follower_(store, runtime,
                {"logs of jobs", own_jobs_removed(), [this](const auto& commit) { follow(*commit); },
                 [this] { begin_sweep(); }}) {
  begin_sweep();
}

void JobLogKeeper::stop() { follower_.stop(); }

void JobLogKeeper::begin_sweep() {
  tasks_.spawn("job logs", [this] { return sweep(store_, logs_); });
}

void JobLogKeeper::follow(const store::Commit& commit) {
  std::vector<std::string> gone;
  for (const store::AppliedChange& change : commit.changes) {
    if (change.id.type == "jobs" && change.id.owner == store::kOwn && !change.body)
      gone.push_back(change.id.key);
  }
  if (gone.empty()) return;
  tasks_.spawn("job logs", [&logs = logs_, gone] { return remove_logs(logs, gone); });
}

}  // namespace mullion::api
