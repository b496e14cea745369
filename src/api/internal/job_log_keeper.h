// Removes the log of a job after the job: follows the store, and looks once at start for what a crash left.
#pragma once

#include "content/job_logs.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::api {

class JobLogKeeper {
 public:
  JobLogKeeper(store::Store& store, content::JobLogs& logs, env::TaskGroup& tasks);
  ~JobLogKeeper();
  JobLogKeeper(const JobLogKeeper&) = delete;
  JobLogKeeper& operator=(const JobLogKeeper&) = delete;
  /// No further removals are begun. To be called before the tasks are stopped.
  void stop();

 private:
  void follow(const store::Commit& commit);

  store::Store& store_;
  content::JobLogs& logs_;
  env::TaskGroup& tasks_;
  uint64_t subscription_ = 0;
  bool stopped_ = false;
};

}  // namespace mullion::api
