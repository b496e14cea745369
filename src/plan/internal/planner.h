// How a plan comes about: what is to be done, kind by kind, then in which order, then what is too much.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/prerequisites.h"
#include "plan/plan.h"

namespace mullion::plan {

using versionset::Component;
using versionset::FileWish;
using versionset::Sourced;

/// A component that is to be installed, before it has a place in the order.
struct Installation {
  Action action;
  std::vector<model::Prerequisite> needs;
};

class Planner {
 public:
  Planner(const Observed& observed, const Wanted& wanted, const PlanInputs& inputs);
  Plan make();

 private:
  using Needs = std::vector<model::Prerequisite>;

  // planner_components.cc
  void plan_server();
  void plan_component(const Sourced<Component>& wish);
  const catalog::Item* resolve(const Sourced<Component>& wish, Kind& kind);
  bool install(const catalog::Item& item, Kind kind, const Sourced<Component>& wish);
  void drop_what_lacks_needs();
  bool lacks_needs(const Installation& installation);
  void order_installations();

  // planner_settings.cc
  void plan_plugins();
  void plan_files();
  void plan_file(const Sourced<FileWish>& wish);
  void plan_settings();
  void plan_global();
  bool was_there(const std::string& path, const std::string& sha256) const;
  bool same_value(const std::string& place, const json::value& wanted, const json::value& shown) const;
  bool is_secret(const std::string& param, const json::value& wanted, const json::value* shown) const;

  // planner_deletions.cc
  void plan_deletions();
  std::set<std::string> deletable_plugins() const;
  std::set<std::string> deletable_components(const std::set<std::string>& plugins) const;
  bool is_protected(const std::string& name) const;
  bool is_declared(Kind kind) const;
  Needs needs_of(const Observed::Installed& installed) const;
  void delete_plugins(const std::set<std::string>& plugins);
  void delete_components(std::set<std::string> components);
  void delete_component(const Observed::Installed& installed);

  void problem(std::string text) { plan_.problems.push_back(std::move(text)); }
  const Observed::Installed* installed(const std::string& name) const;
  const json::object* plugin_there(const std::string& name) const;
  /// Puts an action at the end of the plan; answers its index.
  size_t add(Action action);
  uint64_t bytes_of(const catalog::Artifact& artifact) const;

  const Observed& observed_;
  const Wanted& wanted_;
  const PlanInputs& inputs_;
  Plan plan_;
  std::map<std::string, const Observed::Installed*> installed_;
  std::map<std::string, const json::object*> plugins_;
  std::vector<Installation> installations_;
  std::map<std::string, Needs> new_needs_;         // of what is installed by this plan
  std::map<std::string, Kind> declared_;           // component -> what it is, ignored ones left out
  std::set<std::string> ignored_;                  // components
  std::map<std::string, size_t> component_index_;  // component -> its action
  std::map<std::string, size_t> plugin_index_;
  std::map<std::string, size_t> deletion_index_;  // component -> its deletion
};

/// Prerequisites in the text of a pack's meta; unreadable ones are none.
std::vector<model::Prerequisite> read_needs(const std::string& text);
/// Layers that every server has.
bool is_builtin(std::string_view name);
/// A value for people, cut to a line.
std::string shown_value(const json::value& value);

}  // namespace mullion::plan
