// Availability over time: what refers to something missing becomes available when that appears, and the
// reverse.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "objects/context.h"
#include "store/follower.h"

namespace mullion::objects {

/// Follows the store. When a local object comes, goes, or changes its own availability, those that refer to
/// it are judged again in the background and, where the verdict differs, changed by "system". Thread-safe.
class AvailabilityUpdater {
 public:
  /// What is given must outlive it; stop() comes before the end of `tasks`.
  AvailabilityUpdater(Context& context, env::Runtime& runtime, env::TaskGroup& tasks);
  void stop();

 private:
  using Name = std::pair<std::string, std::string>;  // type and key
  struct Work {
    std::set<Name> turned;   // came, went, or changed its availability: those who refer to it are judged
    std::set<Name> doubted;  // to be judged itself
    bool empty() const { return turned.empty() && doubted.empty(); }
  };

  void follow(const store::Commit& commit);
  bool doubtful(const store::AppliedChange& change) const;
  void doubt_all();
  void add(Work found);
  Work take();
  env::Task<void> run();
  std::set<Name> affected(const Work& work) const;
  env::Task<void> update_all(const Work& work);
  void give_back(const Work& work);
  env::Task<void> update(const Name& name);

  Context& context_;
  uint64_t newest_turn_;  // the newest commit in which something turned, or may have; the follower's alone
  Mutex mutex_;
  Work waiting_ GUARDED_BY(mutex_);
  env::Signal signal_;
  store::Follower follower_;  // ends before what it uses
};

}  // namespace mullion::objects
