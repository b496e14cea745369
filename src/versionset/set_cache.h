// The version sets of this server, read once each.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"
#include "versionset/merge.h"

namespace mullion::versionset {

/// What a list of sets comes to.
struct MergedSets {
  std::shared_ptr<const Wanted> wanted;  // nullptr when there are problems
  std::vector<std::string> missing;      // names of sets that do not exist here
  std::vector<std::string> problems;     // texts for Endpoint.Errors, missing sets among them
};

/// Names of an Endpoint object's sets in priority order: VersionSets, then the deprecated VersionSet.
std::vector<std::string> set_names(const json::object& endpoint);

/// Thread-safe. Sets are own or layered objects; what replicas have of that name never counts.
class SetCache {
 public:
  explicit SetCache(store::Store& store);
  /// Read at one moment. A list with a set that is missing or unreadable is not merged at all.
  MergedSets merged(const std::vector<std::string>& names);
  /// Whether a set that was merged since the start takes a file from `path` ("files/...") of this server.
  bool takes_file(const std::string& path) const;

 private:
  using SetPtr = std::shared_ptr<const Result<VersionSet>>;
  static SetPtr read(const store::Snapshot& snapshot, const std::string& name);
  static MergedSets merge_all(const std::vector<std::string>& names, const std::vector<SetPtr>& sets);
  void catch_up() REQUIRES(mutex_);
  void keep(const std::vector<std::string>& names, const std::vector<SetPtr>& sets, const MergedSets& merged,
            uint64_t read_at);

  store::Store& store_;
  const std::shared_ptr<store::CommitFeed> feed_;  // of changed sets
  mutable Mutex mutex_;
  std::map<std::string, SetPtr> sets_ GUARDED_BY(mutex_);
  std::map<std::vector<std::string>, MergedSets> merged_ GUARDED_BY(mutex_);
  std::set<std::string> sources_ GUARDED_BY(mutex_);
};

}  // namespace mullion::versionset
