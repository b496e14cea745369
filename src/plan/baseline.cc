#include "plan/baseline.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/members.h"
#include "model/secure_params.h"
#include "versionset/sources.h"

namespace mullion::plan {
namespace {

using OwnFile = std::function<std::optional<PlanInputs::OwnFile>(const std::string&)>;

/// Preferences that people turn while they look for something, and the one that makes a manager.
std::string_view why_volatile(std::string_view pref) {
  if (pref.starts_with("debug") || pref == "logLevel") return "turned while looking for something";
  if (versionset::is_secret_pref(pref)) return "a secret";
  if (pref == "manager") return "says what this server is, not how it is configured";
  return "";
}

std::string_view why_not_declared(const Observed& observed, const std::string& component) {
  if (component == "rackn-license") return "a licence belongs to its servers";
  if (observed.manager && component == "rackn-catalog") return "a manager builds it";
  if (observed.manager && component == "manager") return "part of a manager";
  return "";
}

json::array components_of(const Observed& observed, std::vector<std::string>& left_out) {
  json::array out;
  for (const Observed::Installed& installed : observed.components) {
    if (const std::string_view why = why_not_declared(observed, installed.name); !why.empty()) {
      left_out.push_back(
          fmt::format("{} {}: {}", versionset::kind_name(installed.kind), installed.name, why));
      continue;
    }
    if (installed.version.empty())
      left_out.push_back(fmt::format("{} {}: has no version, is ignored",
                                     versionset::kind_name(installed.kind), installed.name));
    out.push_back(json::object{
        {"Type", versionset::kind_name(installed.kind)},
        {"Version", installed.version.empty() ? versionset::kIgnore : std::string_view(installed.version)},
        {"Name", installed.name},
        {"ActualVersion", installed.version}});
  }
  return out;
}

json::object without_sealed(const std::string& place, const json::object& params,
                            std::vector<std::string>& left_out) {
  json::object out;
  for (const auto& [name, value] : params) {
    if (model::is_sealed(value)) {
      left_out.push_back(fmt::format("{} {}: a secret", place, std::string_view(name)));
    } else {
      out[name] = value;
    }
  }
  return out;
}

json::array plugins_of(const Observed& observed, std::vector<std::string>& left_out) {
  json::array out;
  for (const json::object& plugin : observed.plugins) {
    const std::string name = model::text_member(plugin, "Name");
    if (name == "manager") continue;
    json::object taken{{"Name", name}, {"Provider", model::text_member(plugin, "Provider")}};
    for (const char* member : {"Description", "Documentation"}) {
      if (const std::string text = model::text_member(plugin, member); !text.empty()) taken[member] = text;
    }
    taken["Params"] = without_sealed(fmt::format("Plugin {}: parameter", name),
                                     model::object_member(plugin, "Params"), left_out);
    if (const json::object& meta = model::object_member(plugin, "Meta"); !meta.empty()) taken["Meta"] = meta;
    out.push_back(std::move(taken));
  }
  return out;
}

json::object prefs_of(const Observed& observed, std::vector<std::string>& left_out) {
  json::object out;
  for (const auto& [name, value] : observed.prefs) {
    if (const std::string_view why = why_volatile(name); !why.empty()) {
      left_out.push_back(fmt::format("Pref {}: {}", name, why));
    } else {
      out[name] = value;
    }
  }
  for (const char* secret : {"baseTokenSecret", "systemGrantorSecret"}) {
    if (!observed.prefs.contains(secret)) left_out.push_back(fmt::format("Pref {}: a secret", secret));
  }
  return out;
}

json::array files_of(const Observed& observed, const OwnFile& own_file, std::vector<std::string>& left_out) {
  json::array out;
  for (const auto& [path, sha256] : observed.files) {
    if (const Result<void> target = versionset::check_target(path); !target) {
      left_out.push_back(fmt::format("File {}", target.error().messages.front()));
      continue;
    }
    const std::optional<PlanInputs::OwnFile> here = own_file ? own_file(path) : std::nullopt;
    if (!here || here->sha256 != sha256) {
      left_out.push_back(fmt::format("File {}: {}", path,
                                     here ? "this server's copy differs" : "this server has no copy of it"));
      continue;
    }
    out.push_back(json::object{
        {"Path", path}, {"Sha256Sum", sha256}, {"Source", "self://" + path}, {"Explode", false}});
  }
  return out;
}

}  // namespace

json::object baseline_of(const Observed& observed, const std::string& name, const OwnFile& own_file,
                         std::vector<std::string>& left_out) {
  json::object global;
  for (const auto& [param, value] : observed.global) global[param] = value;
  json::object set;
  set["Id"] = name;
  set["Description"] = fmt::format("What {} ran", observed.id);
  set["Documentation"] = "";
  // Endpoint.Apply decides; this one is there to hold a whole set back.
  set["Apply"] = true;
  set["DRPVersion"] = observed.drp_version;
  set["DRPUXVersion"] = observed.drpux_version;
  set["Components"] = components_of(observed, left_out);
  set["Plugins"] = plugins_of(observed, left_out);
  set["Prefs"] = prefs_of(observed, left_out);
  set["Files"] = files_of(observed, own_file, left_out);
  set["Global"] = without_sealed("Global", global, left_out);
  return set;
}

}  // namespace mullion::plan
