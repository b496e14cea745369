// Changes of Endpoint objects on their way to where the objects are.
#pragma once

#include <map>
#include <string>

#include "base/mutex.h"
#include "env/runtime.h"
#include "env/timers.h"
#include "manager/manager.h"
#include "rollout/rollout.h"
#include "store/store.h"

namespace mullion::rollout::internal {

/// For the owner's Endpoint object: fails unless it has exactly what was seen, then has what is wanted.
json::array patch_of(const AssignmentChange& put);

/// At most one change of an endpoint at a time; one that fails is not tried again at once. Thread-safe.
class AssignmentWriter {
 public:
  AssignmentWriter(env::Runtime& runtime, store::Store& store, manager::Manager& manager,
                   const env::Clock& clock, const env::Timers& timers, std::function<void()> ended);

  /// Begins the change unless one is under way or the last failure is too fresh; then answers when to ask
  /// again.
  Moment begin(const AssignmentChange& put, env::WallTime now);
  /// Fills EndpointFacts::busy and trouble.
  void tell(const std::string& endpoint, EndpointFacts& facts) const;
  env::Task<void> stop();

 private:
  struct Entry {
    bool busy = false;
    int failures = 0;
    env::SteadyTime not_before{};
    std::string trouble;
  };
  env::Task<void> carry_out(AssignmentChange put);
  env::Task<Result<void>> write(const AssignmentChange& put);
  env::Task<Result<void>> put_own(AssignmentChange put);
  env::Task<Result<void>> put_remote(AssignmentChange put);
  env::Task<void> await_replica(AssignmentChange put);
  void ended(const std::string& endpoint, const Result<void>& outcome);

  store::Store& store_;
  manager::Manager& manager_;
  const env::Clock& clock_;
  const env::Timers& timers_;
  const std::function<void()> notify_;
  /// A replica or an own Endpoint object changed: who waits for it looks again.
  const std::shared_ptr<env::Signal> seen_ = std::make_shared<env::Signal>();
  const std::shared_ptr<store::CommitFeed> feed_;
  mutable Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
};

}  // namespace mullion::rollout::internal
