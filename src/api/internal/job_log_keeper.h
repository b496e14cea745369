// Removes the log of a job after the job: follows the store, and looks once at start for what a crash left.
#pragma once

#include "env/runtime.h"
#include "joblogs/job_logs.h"
#include "store/follower.h"

namespace mullion::api {

class JobLogKeeper {
 public:
  JobLogKeeper(store::Store& store, env::Runtime& runtime, joblogs::JobLogs& logs, env::TaskGroup& tasks);
  JobLogKeeper(const JobLogKeeper&) = delete;
  JobLogKeeper& operator=(const JobLogKeeper&) = delete;
  /// No further removals are begun. To be called before the tasks are stopped.
  void stop();

 private:
  void follow(const store::Commit& commit);
  void begin_sweep();

  store::Store& store_;
  joblogs::JobLogs& logs_;
  env::TaskGroup& tasks_;
  store::Follower follower_;  // ends before what it uses
};

}  // namespace mullion::api
