// What an endpoint reported of itself, from its Endpoint object and the stream's record `state`.
#include "base/letters.h"
#include "model/members.h"
#include "plan/plan.h"
#include "versionset/values.h"

namespace mullion::plan {
namespace {

Observed::Installed installed_of(const json::object& element,
                                 const std::map<std::string, std::string>& prerequisites) {
  Observed::Installed out;
  const Result<Kind> kind = versionset::parse_component_kind(model::text_member(element, "Type"));
  out.kind = kind ? *kind : Kind::kContentPackage;
  out.name = model::text_member(element, "Name");
  out.version = model::text_member(element, "ActualVersion");
  if (out.version.empty()) out.version = model::text_member(element, "Version");
  if (const auto needs = prerequisites.find(out.name); needs != prerequisites.end())
    out.prerequisites = needs->second;
  return out;
}

}  // namespace

Observed Observed::parse(const json::object& endpoint, const model::EndpointState& state) {
  Observed out;
  out.id = model::text_member(endpoint, "Id");
  out.arch = model::text_member(endpoint, "Arch");
  out.os = model::text_member(endpoint, "Os");
  out.drp_version = model::text_member(endpoint, "DRPVersion");
  out.drpux_version = model::text_member(endpoint, "DRPUXVersion");
  const std::map<std::string, std::string> none;
  const auto& prerequisites = state.prerequisites ? *state.prerequisites : none;
  for (const json::value& element : model::list_member(endpoint, "Components")) {
    if (element.is_object()) out.components.push_back(installed_of(element.get_object(), prerequisites));
  }
  for (const json::value& plugin : model::list_member(endpoint, "Plugins")) {
    if (plugin.is_object()) out.plugins.push_back(plugin.get_object());
  }
  for (const auto& [name, value] : model::object_member(endpoint, "Prefs")) {
    if (value.is_string()) out.prefs.emplace(name, value.get_string());
  }
  for (const auto& [name, value] : model::object_member(endpoint, "Global")) out.global.emplace(name, value);
  if (state.files) {
    for (const auto& [path, sha256] : *state.files) out.files.emplace(path, lower_case(sha256));
  }
  out.files_known = state.files.has_value();
  out.files_complete = !state.files_incomplete.value_or(false);
  if (state.auto_start) out.auto_start.insert(state.auto_start->begin(), state.auto_start->end());
  out.manager = state.info && state.info->manager.value_or(false);
  if (const auto pref = out.prefs.find("manager"); pref != out.prefs.end() && pref->second == "true")
    out.manager = true;
  // Every server has preferences, and only its own report brings them.
  out.told = state != model::EndpointState{};
  out.known = out.told || !out.prefs.empty();
  return out;
}

}  // namespace mullion::plan
