// From an Endpoint object to its plan: gathers what make_plan() is to know.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "versionset/configurator.h"
#include "versionset/internal/apply_seam.h"
#include "versionset/internal/set_book.h"

namespace mullion::versionset {

/// Sizes and checksums of this server's files, until somebody says that they changed. Thread-safe; blocks on
/// the disk.
class FileFacts {
 public:
  explicit FileFacts(content::Blobs& blobs) : blobs_(blobs) {}
  std::optional<PlanInputs::OwnFile> find(const std::string& path);
  void forget();

 private:
  content::Blobs& blobs_;
  std::mutex mutex_;
  std::map<std::string, std::optional<PlanInputs::OwnFile>> known_;
  uint64_t forgotten_ = 0;
};

/// One plan, and what it was made from.
struct Planned {
  std::string body;      // of the Endpoint object at that time
  json::object object;   // the same with the endpoint's newest word
  std::vector<std::string> sets;
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const Wanted> wanted;  // nullptr: the sets could not be merged, or there are none
  bool disabled = false;                 // VersionSetsDisabled
  bool apply = false;
  bool provisional = false;  // the endpoint is about to tell what is missing: nothing is to be written yet
};

/// Thread-safe; blocks on the disk.
class PlanMaker {
 public:
  PlanMaker(const Dependencies& given, SetBook& book, FileFacts& files, const PlanExecutor* executor)
      : given_(given), book_(book), files_(files), executor_(executor) {}

  /// `sets` instead of the object's own. kNotFound: no such own object, or (with `sets`) a missing set.
  Result<Planned> make(const std::string& endpoint, const std::vector<std::string>* sets) const;
  /// The own object with what the endpoint told since; kNotFound.
  Result<json::object> endpoint_object(const std::string& endpoint, std::string* body = nullptr) const;
  Observed observed(const json::object& object) const;

 private:
  Plan plan_for(const json::object& object, const Wanted& wanted) const;

  const Dependencies& given_;
  SetBook& book_;
  FileFacts& files_;
  const PlanExecutor* executor_;
};

}  // namespace mullion::versionset
