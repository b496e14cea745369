// What an endpoint reported of itself, from its Endpoint object and the stream's record `state`.
#include "base/letters.h"
#include "model/members.h"
#include "plan/plan.h"
#include "versionset/values.h"

namespace mullion::plan {
namespace {

Observed::Installed installed_of(const json::object& element, const json::object& prerequisites) {
  Observed::Installed out;
  const Result<Kind> kind = versionset::parse_component_kind(model::text_member(element, "Type"));
  out.kind = kind ? *kind : Kind::kContentPackage;
  out.name = model::text_member(element, "Name");
  out.version = model::text_member(element, "ActualVersion");
  if (out.version.empty()) out.version = model::text_member(element, "Version");
  out.prerequisites = model::text_member(prerequisites, out.name);
  return out;
}

}  // namespace

Observed Observed::parse(const json::object& endpoint, const json::object& extra) {
  Observed out;
  out.id = model::text_member(endpoint, "Id");
  out.arch = model::text_member(endpoint, "Arch");
  out.os = model::text_member(endpoint, "Os");
  out.drp_version = model::text_member(endpoint, "DRPVersion");
  out.drpux_version = model::text_member(endpoint, "DRPUXVersion");
  const json::object& prerequisites = model::object_member(extra, "prerequisites");
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
  for (const auto& [path, sha256] : model::object_member(extra, "files")) {
    if (sha256.is_string()) out.files.emplace(path, lower_case(sha256.get_string()));
  }
  const json::value* files = extra.if_contains("files");
  out.files_known = files != nullptr && files->is_object();
  out.files_complete = !model::flag_member(extra, "files_incomplete");
  for (const json::value& provider : model::list_member(extra, "auto_start")) {
    if (provider.is_string()) out.auto_start.emplace(provider.get_string());
  }
  out.manager = model::flag_member(model::object_member(extra, "info"), "manager");
  if (const auto pref = out.prefs.find("manager"); pref != out.prefs.end() && pref->second == "true")
    out.manager = true;
  // Every server has preferences, and only its own report brings them.
  out.told = !extra.empty();
  out.known = out.told || !out.prefs.empty();
  return out;
}

}  // namespace mullion::plan
