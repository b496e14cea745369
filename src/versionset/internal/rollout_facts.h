// What is known of the endpoints of a rollout at one moment.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "manager/manager.h"
#include "store/store.h"
#include "versionset/internal/rollout_puts.h"
#include "versionset/internal/set_book.h"
#include "versionset/rollout.h"

namespace mullion::versionset::internal {

/// Reads Endpoint objects, each once until it changes. Thread-safe; blocks on the disk.
class RolloutFacts {
 public:
  RolloutFacts(store::Store& store, const manager::Manager& manager)
      : store_(store), manager_(manager), book_(store) {}

  /// To be told of every commit. Whether it changed something of an endpoint.
  bool follow(const store::Commit& commit);

  /// Of the endpoints of waves that have begun, or whose turn comes next.
  Facts of_rollout(const store::Snapshot& snapshot, const Rollout& rollout, const Puts& puts);
  /// Of one endpoint, as far as its object says.
  EndpointFacts of_endpoint(const store::Snapshot& snapshot, const EndpointProgress& endpoint);

 private:
  using Key = std::pair<std::string, std::string>;  // owner, id
  struct Touch {
    bool in_touch = false, current = false;
  };
  Touch touch_of(const std::string& owner) const;
  EndpointFacts read(const store::Snapshot& snapshot, const EndpointProgress& endpoint);
  std::string word_for(const std::vector<std::string>& sets);

  store::Store& store_;
  const manager::Manager& manager_;
  SetBook book_;
  std::mutex mutex_;
  uint64_t version_ = 0;  // of what follows
  std::map<Key, EndpointFacts> known_;
  std::map<std::vector<std::string>, std::string> words_;  // of made_for(), by names of sets
};

}  // namespace mullion::versionset::internal
