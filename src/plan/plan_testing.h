// A small catalog and a model of an endpoint, for tests of plans.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "plan/internal/planner.h"
#include "plan/plan.h"

namespace mullion::plan {

inline std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

inline catalog::Item made_item(std::string name, std::string version, std::string type,
                               std::string prerequisites = "") {
  catalog::Item item;
  item.id = name + "-" + version;
  item.version = item.actual_version = version;
  item.source = "http://here/files/rebar-catalog/" + name + "/" + version;
  if (type == "ContentPackage") item.source += ".json";
  if (type == "DRP" || type == "DRPUX") item.source += ".zip";
  const bool by_platform = type == "PluginProvider" || type == "DRP";
  item.sha256[by_platform ? "amd64/linux" : "any/any"] = std::string(64, 'a');
  item.content_type = std::move(type);
  if (!prerequisites.empty()) item.meta["Prerequisites"] = prerequisites;
  item.name = std::move(name);
  return item;
}

/// The same item under another word.
inline catalog::Item called(catalog::Item item, std::string word) {
  item.id = item.name + "-" + word;
  item.version = std::move(word);
  return item;
}

/// An endpoint that does what it is told, and refuses what a real one refuses.
class ModelEndpoint {
 public:
  ModelEndpoint() {
    observed.id = "edge";
    observed.arch = "amd64";
    observed.os = "linux";
    observed.drp_version = "v4.0.0";
    observed.drpux_version = "v2.0.0";
    observed.known = observed.told = observed.files_known = true;
  }

  void has(Kind kind, std::string name, std::string version, std::string prerequisites = "") {
    observed.components.push_back({kind, std::move(name), std::move(version), std::move(prerequisites)});
  }
  void has_plugin(std::string name, std::string provider, json::object params = {}) {
    observed.plugins.push_back(
        {{"Name", std::move(name)}, {"Provider", std::move(provider)}, {"Params", std::move(params)}});
  }

  /// "" or why it was refused.
  std::string carry_out(const Action& action, const catalog::Items& items) {
    switch (action.kind) {
      case Kind::kDrp:
        observed.drp_version = action.actual_version;
        return "";
      case Kind::kDrpUx:
        observed.drpux_version = action.actual_version;
        return "";
      case Kind::kContentPackage:
      case Kind::kPluginProvider:
        return action.verb == "Delete" ? remove(action) : install(action, items);
      case Kind::kPlugin:
        return change_plugin(action);
      case Kind::kFile:
        observed.files[action.name] = action.artifact->sha256;
        return "";
      case Kind::kPref:
        observed.prefs[action.name] = action.value.get_string();
        return "";
      case Kind::kGlobal:
        observed.global[action.name] = action.value;
        return "";
    }
    return "unknown kind";
  }

  const Observed::Installed* component(std::string_view name) const {
    const auto found = std::ranges::find(observed.components, name, &Observed::Installed::name);
    return found == observed.components.end() ? nullptr : &*found;
  }

  Observed observed;

 private:
  std::string install(const Action& action, const catalog::Items& items) {
    const catalog::Item* item = items.find(action.name + "-" + action.actual_version);
    if (item == nullptr) return "no such item";
    const std::string prerequisites = text_in(item->meta, "Prerequisites");
    for (const model::Prerequisite& need : read_needs(prerequisites)) {
      if (!is_builtin(need.name) && component(need.name) == nullptr)
        return action.name + " lacks " + need.name;
    }
    std::erase_if(observed.components, [&](const auto& entry) { return entry.name == action.name; });
    has(action.kind, action.name, action.actual_version, prerequisites);
    return "";
  }

  std::string remove(const Action& action) {
    if (component(action.name) == nullptr) return action.name + " is not there";
    for (const Observed::Installed& other : observed.components) {
      for (const model::Prerequisite& need : read_needs(other.prerequisites)) {
        if (need.name == action.name) return other.name + " needs " + action.name;
      }
    }
    for (const json::object& plugin : observed.plugins) {
      if (text_in(plugin, "Provider") == action.name) return text_in(plugin, "Name") + " uses " + action.name;
    }
    std::erase_if(observed.components, [&](const auto& entry) { return entry.name == action.name; });
    return "";
  }

  std::string change_plugin(const Action& action) {
    std::erase_if(observed.plugins,
                  [&](const json::object& plugin) { return text_in(plugin, "Name") == action.name; });
    if (action.verb == "Delete") return "";
    if (component(text_in(action.value.get_object(), "Provider")) == nullptr)
      return action.name + " has no provider";
    observed.plugins.push_back(action.value.get_object());
    return "";
  }
};

}  // namespace mullion::plan
