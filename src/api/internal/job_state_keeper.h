// JobState and JobExitState of machines: what the job says that CurrentJob names.
#pragma once

#include <set>
#include <string>

#include "api/internal/call.h"
#include "base/mutex.h"
#include "store/follower.h"

namespace mullion::api {

/// The machine with what its current job says; absent when it says so already. `job` is null when there is
/// none. Pure.
std::optional<boost::json::object> with_job_state(const boost::json::object& machine,
                                                  const boost::json::object* job);

/// Follows the store. When an own job changes its state, or an own machine its job, the machine is changed by
/// "system" soon after. Thread-safe.
class JobStateKeeper {
 public:
  /// `services` must outlive it; stop() comes before the end of their tasks.
  explicit JobStateKeeper(Services& services);
  void stop() { follower_.stop(); }

 private:
  void follow(const store::Commit& commit);
  void doubt_all();
  void add(std::set<std::string> machines);
  env::Task<void> run();
  env::Task<void> update_all(const std::set<std::string>& machines);
  env::Task<void> update(const std::string& machine);

  Services& services_;
  Mutex mutex_;
  std::set<std::string> waiting_ GUARDED_BY(mutex_);
  env::Signal signal_;
  store::Follower follower_;  // ends before what it uses
};

}  // namespace mullion::api
