// What is on the endpoint and nobody declares. Careful by design: what is not sure to be too much stays.
#include <fmt/format.h>

#include <algorithm>

#include "model/members.h"
#include "plan/internal/planner.h"

namespace mullion::plan {
namespace {

bool needs(const std::vector<model::Prerequisite>& list, const std::string& name) {
  return std::ranges::any_of(list, [&](const model::Prerequisite& need) { return need.name == name; });
}

}  // namespace

bool Planner::is_declared(Kind kind) const {
  return std::ranges::any_of(declared_, [&](const auto& entry) { return entry.second == kind; });
}

bool Planner::is_protected(const std::string& name) const {
  if (is_builtin(name) || name == "rackn-license" || ignored_.contains(name)) return true;
  return observed_.manager && (name == "rackn-catalog" || name == "manager");
}

Planner::Needs Planner::needs_of(const Observed::Installed& installed) const {
  return read_needs(installed.prerequisites);
}

std::set<std::string> Planner::deletable_plugins() const {
  std::set<std::string> out;
  if (wanted_.plugins.empty()) return out;
  for (const auto& [name, plugin] : plugins_) {
    const std::string provider = model::text_member(*plugin, "Provider");
    const bool wanted = std::ranges::any_of(wanted_.plugins, [&](const Sourced<json::object>& wish) {
      return model::text_member(wish.value, "Name") == name;
    });
    const bool by_itself = name == provider && observed_.auto_start.contains(name);
    if (wanted || by_itself || name == "manager") continue;
    if (ignored_.contains(name) || ignored_.contains(provider)) continue;
    out.insert(name);
  }
  return out;
}

std::set<std::string> Planner::deletable_components(const std::set<std::string>& plugins) const {
  std::set<std::string> out;
  for (const auto& [name, installed] : installed_) {
    if (is_declared(installed->kind) && !declared_.contains(name) && !is_protected(name)) out.insert(name);
  }
  for (const auto& [name, plugin] : plugins_) {
    if (!plugins.contains(name)) out.erase(model::text_member(*plugin, "Provider"));
  }
  for (const Sourced<json::object>& wish : wanted_.plugins)
    out.erase(model::text_member(wish.value, "Provider"));
  // What something needs that stays, stays; and so on.
  bool again = true;
  while (again) {
    again = false;
    const auto keep = [&](const Needs& list) {
      for (const model::Prerequisite& need : list) again = out.erase(need.name) > 0 || again;
    };
    for (const auto& [name, installed] : installed_) {
      if (!out.contains(name) && !new_needs_.contains(name)) keep(needs_of(*installed));
    }
    for (const auto& [name, list] : new_needs_) keep(list);
  }
  return out;
}

void Planner::delete_plugins(const std::set<std::string>& plugins) {
  for (const std::string& name : plugins) {
    Action action;
    action.kind = Kind::kPlugin;
    action.name = name;
    action.verb = "Delete";
    action.current = model::text_member(*plugin_there(name), "Provider");
    plugin_index_[name] = add(std::move(action));
  }
}

void Planner::delete_component(const Observed::Installed& installed) {
  Action action;
  action.kind = installed.kind;
  action.name = installed.name;
  action.version = installed.version;
  action.actual_version = installed.version;
  action.verb = "Delete";
  action.current = installed.version;
  // Who used it until now must have gone, or become something else.
  for (const auto& [name, plugin] : plugins_) {
    const auto before = plugin_index_.find(name);
    if (before != plugin_index_.end() && model::text_member(*plugin, "Provider") == installed.name)
      action.after.push_back(before->second);
  }
  for (const auto& [name, other] : installed_) {
    if (!needs(needs_of(*other), installed.name)) continue;
    for (const auto* index : {&component_index_, &deletion_index_}) {
      const auto before = index->find(name);
      if (before != index->end()) action.after.push_back(before->second);
    }
  }
  deletion_index_[installed.name] = add(std::move(action));
}

/// Providers, then packs; each after those that need it.
void Planner::delete_components(std::set<std::string> components) {
  const auto needed = [&](const std::string& name) {
    return std::ranges::any_of(components, [&](const std::string& other) {
      return other != name && needs(needs_of(*installed(other)), name);
    });
  };
  while (!components.empty()) {
    const auto next = [&](bool provider) {
      return std::ranges::find_if(components, [&](const std::string& name) {
        return (installed(name)->kind == Kind::kPluginProvider) == provider && !needed(name);
      });
    };
    auto found = next(true);
    if (found == components.end()) found = next(false);
    if (found == components.end()) found = components.begin();  // a circle: the endpoint has the last word
    const std::string name = *found;
    components.erase(found);
    delete_component(*installed(name));
  }
}

void Planner::plan_deletions() {
  plan_.deletions_from = plan_.actions.size();
  if (!observed_.told) return;
  const std::set<std::string> plugins = deletable_plugins();
  const std::set<std::string> components = deletable_components(plugins);
  delete_plugins(plugins);
  delete_components(components);
}

}  // namespace mullion::plan
