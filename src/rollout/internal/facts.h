// What is known of the endpoints of a rollout at one moment.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "manager/manager.h"
#include "rollout/internal/assignment_writer.h"
#include "rollout/rollout.h"
#include "store/store.h"
#include "versionset/set_cache.h"

namespace mullion::rollout::internal {

/// Reads Endpoint objects, each once until it changes. Thread-safe; blocks on the disk.
class RolloutFacts {
 public:
  RolloutFacts(store::Store& store, const manager::Manager& manager);

  /// Of the endpoints of waves that have begun, or whose turn comes next.
  Facts of_rollout(const store::Snapshot& snapshot, const Rollout& rollout, const AssignmentWriter& puts);
  /// Of one endpoint, as far as its object says.
  EndpointFacts of_endpoint(const store::Snapshot& snapshot, const EndpointProgress& endpoint);

 private:
  using Key = std::pair<std::string, std::string>;  // owner, id
  /// With the Endpoint objects of an owner.
  struct Touch {
    bool in_touch = false, current = false;
    std::string held_up;
  };
  Touch touch_of(const std::string& owner) const;
  EndpointFacts read(const store::Snapshot& snapshot, const EndpointProgress& endpoint);
  void catch_up() REQUIRES(mutex_);
  std::string word_for(const std::vector<std::string>& sets);

  store::Store& store_;
  const manager::Manager& manager_;
  versionset::SetCache set_cache_;
  const std::shared_ptr<store::CommitFeed> feed_;
  Mutex mutex_;  // guards what follows, which is as of what was taken from the feed
  std::map<Key, EndpointFacts> known_ GUARDED_BY(mutex_);
  /// Of plan_fingerprint(), by names of sets.
  std::map<std::vector<std::string>, std::string> words_ GUARDED_BY(mutex_);
};

}  // namespace mullion::rollout::internal
