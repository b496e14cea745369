// From an Endpoint object to its plan: gathers what make_plan() is to know.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "apply/configurator.h"
#include "apply/internal/file_facts.h"
#include "apply/internal/plan_executor.h"
#include "versionset/set_cache.h"

namespace mullion::apply {

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

  /// `sets` instead of the object's own. What it lacks of files is added to `unsummed`, see FileFacts.
  /// kNotFound: no such own object, or (with `sets`) a missing set.
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
