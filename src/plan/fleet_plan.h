// Plans of many endpoints as the few that there really are. Pure.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::plan {

namespace json = boost::json;

/// What would be done at an endpoint: lines as GET endpoints/ID/plan shows them (PlanLine).
struct PlanContent {
  json::array actions, deletions;
  std::vector<std::string> problems;

  uint64_t bytes() const;
  bool restarts() const;
  /// Equal texts mean the same plan: kind, name, what is there now and what it becomes, line by line.
  std::string key() const;
};

/// Who is attached to whom: endpoint -> the server that its Endpoint object belongs to.
using Parents = std::map<std::string, std::string, std::less<>>;

/// Gathers plans and groups them; each content is kept once.
class FleetPlan {
 public:
  struct Planned {
    std::string endpoint;
    std::optional<double> facts_age;  // seconds; absent when nobody knows
  };
  /// Endpoints that have one plan cost no more than one of them: another manager tells of both in its answer,
  /// the size of which is all that bounds it.
  void add(std::vector<Planned> endpoints, PlanContent content);
  /// One that cannot be planned, and why.
  void add_unplanned(std::string endpoint, std::string reason);
  size_t endpoints() const { return count_; }

  /// Groups, the largest first, problems by reason, and what each link from `own_id` downwards would carry:
  /// every server fetches what is needed below it once (FleetPlan of the schema).
  json::object show(const std::string& own_id, const Parents& parents) const;

 private:
  struct Group {
    PlanContent content;
    std::vector<std::string> endpoints;
    std::optional<double> oldest;
  };
  std::map<std::string, Group> groups_;                        // by PlanContent::key()
  std::map<std::string, std::vector<std::string>> unplanned_;  // by reason
  std::map<std::string, double> ages_;
  size_t count_ = 0;
};

/// What a plan moves: the names of artifacts, and their bytes.
using Moved = std::map<std::string, uint64_t>;
std::shared_ptr<const Moved> moved_by(const PlanContent& content);

/// What links carry: each artifact once.
class LinkLoad {
 public:
  explicit LinkLoad(const Parents& parents, std::string own_id)
      : parents_(parents), own_id_(std::move(own_id)) {}
  /// `endpoint` gets what is in `moved`; so does every server on the way to it. What many endpoints get is
  /// kept once.
  void add(const std::string& endpoint, const std::shared_ptr<const Moved>& moved);
  /// FleetPlanLink lines, by the names of their ends.
  json::array show() const;

 private:
  using Link = std::pair<std::string, std::string>;  // from, to
  using Loads = std::set<std::shared_ptr<const Moved>>;
  struct Sum {
    uint64_t bytes = 0;
    size_t artifacts = 0;
  };
  static Sum sum_of(const Loads& loads);

  const Parents& parents_;
  std::string own_id_;
  std::map<Link, Loads> loads_;
};

}  // namespace mullion::plan
