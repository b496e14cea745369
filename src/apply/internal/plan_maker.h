// From an Endpoint object to its plan: gathers what make_plan() is to know.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "apply/configurator.h"
#include "apply/internal/plan_executor.h"
#include "base/mutex.h"
#include "versionset/set_cache.h"

namespace mullion::apply {

/// Sizes and checksums of this server's files, until somebody says that they changed. Thread-safe; blocks on
/// the disk.
class FileFacts {
 public:
  explicit FileFacts(files::Blobs& blobs) : blobs_(blobs) {}
  std::optional<plan::PlanInputs::OwnFile> find(const std::string& path);
  void forget();

 private:
  files::Blobs& blobs_;
  Mutex mutex_;
  std::map<std::string, std::optional<plan::PlanInputs::OwnFile>> known_ GUARDED_BY(mutex_);
  uint64_t forgotten_ GUARDED_BY(mutex_) = 0;
};

/// An own Endpoint object and the endpoint's word, read once.
struct SeenEndpoint {
  std::string body;     // of the object
  json::object object;  // the same with the endpoint's newest word
  plan::Observed observed;
};

/// One plan, and what it was made from.
struct Planned {
  std::string body;     // of the Endpoint object at that time
  json::object object;  // the same with the endpoint's newest word
  std::vector<std::string> sets;
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const Wanted> wanted;  // nullptr: the sets could not be merged, or there are none
  bool disabled = false;                 // VersionSetsDisabled
  bool apply = false;
  bool fresh = false;        // made from what the endpoint told on the present connection: may be carried out
  bool provisional = false;  // the endpoint is about to tell of itself: nothing is to be written yet
};

/// Thread-safe; blocks on the disk.
class PlanMaker {
 public:
  PlanMaker(const Dependencies& given, versionset::SetCache& sets, FileFacts& files,
            const PlanExecutor* executor)
      : given_(given), set_cache_(sets), files_(files), executor_(executor) {}

  /// `sets` instead of the object's own. kNotFound: no such own object, or (with `sets`) a missing set.
  Result<Planned> make(const std::string& endpoint, const std::vector<std::string>* sets) const;
  /// kNotFound.
  Result<SeenEndpoint> read(const std::string& endpoint) const;

 private:
  Plan plan_for(const plan::Observed& observed, const Wanted& wanted) const;

  const Dependencies& given_;
  versionset::SetCache& set_cache_;
  FileFacts& files_;
  const PlanExecutor* executor_;
};

}  // namespace mullion::apply
