// From an Endpoint object to its plan: gathers what make_plan() is to know.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "apply/configurator.h"
#include "apply/internal/plan_executor.h"
#include "base/mutex.h"
#include "versionset/set_cache.h"

namespace mullion::apply {

/// Sizes and checksums of this server's files, until somebody says that they changed. Thread-safe.
class FileFacts {
 public:
  using OwnFile = plan::PlanInputs::OwnFile;
  explicit FileFacts(files::Blobs& blobs) : blobs_(blobs) {}
  /// Absent, and added to `unsummed`, while nobody has computed its checksum. Blocks on the disk for a short
  /// time.
  std::optional<OwnFile> find(const std::string& path, std::set<std::string>& unsummed);
  /// Computes the checksums of these files, which may take minutes each, as long work on the account of
  /// `caller`; none is left in `unsummed`. kUnavailable: too much waits already.
  Task<Result<void>> sum(std::set<std::string>& unsummed, env::Caller caller);
  void forget();

 private:
  uint64_t times_forgotten() const;
  void keep(const std::string& path, const std::optional<OwnFile>& file, uint64_t forgotten);

  files::Blobs& blobs_;
  mutable Mutex mutex_;
  std::map<std::string, std::optional<OwnFile>> known_ GUARDED_BY(mutex_);
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

  /// `sets` instead of the object's own. A plan that leaves something in `unsummed` is to be made again after
  /// FileFacts::sum(). kNotFound: no such own object, or (with `sets`) a missing set.
  Result<Planned> make(const std::string& endpoint, const std::vector<std::string>* sets,
                       std::set<std::string>& unsummed) const;
  /// kNotFound.
  Result<SeenEndpoint> read(const std::string& endpoint) const;

 private:
  Plan plan_for(const plan::Observed& observed, const Wanted& wanted, std::set<std::string>& unsummed) const;

  const Dependencies& given_;
  versionset::SetCache& set_cache_;
  FileFacts& files_;
  const PlanExecutor* executor_;
};

}  // namespace mullion::apply
