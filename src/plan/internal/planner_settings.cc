// Plugins, files, preferences and global parameters.
#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "model/members.h"
#include "model/secure_params.h"
#include "plan/internal/planner.h"
#include "plan/same_plugin.h"
#include "versionset/sources.h"

namespace mullion::plan {
namespace {

/// The pseudo plugin of managers, which is part of them.
constexpr std::string_view kManagerPlugin = "manager";

std::string digest_of(const std::map<std::string, std::string>& files) {
  std::string all;
  for (const auto& [path, sha256] : files) all += path + "\n" + sha256 + "\n";
  return hash128(all).hex();
}

/// Without the values of parameters that are `hidden`.
json::object without_secrets(const json::object& plugin,
                             const std::function<bool(const std::string&)>& hidden) {
  json::object out = plugin;
  json::value* params = out.if_contains("Params");
  if (params == nullptr || !params->is_object()) return out;
  for (auto& [name, value] : params->get_object()) {
    if (hidden(name)) value = kHidden;
  }
  return out;
}

}  // namespace

bool Planner::is_secret(const std::string& param, const json::value& wanted, const json::value* shown) const {
  if (model::is_sealed(wanted) || (shown != nullptr && model::is_sealed(*shown))) return true;
  return inputs_.is_secure && inputs_.is_secure(param);
}

bool Planner::same_value(const std::string& place, const json::value& wanted,
                         const json::value& shown) const {
  if (wanted == shown) return true;
  if (!model::is_sealed(shown)) return false;
  return inputs_.same_secret && inputs_.same_secret(observed_.id, place, wanted, shown);
}

void Planner::plan_plugins() {
  const SameValue same = [this](const std::string& place, const json::value& wanted,
                                const json::value& shown) { return same_value(place, wanted, shown); };
  for (const Sourced<json::object>& wish : wanted_.plugins) {
    const std::string name = model::text_member(wish.value, "Name");
    const std::string provider = model::text_member(wish.value, "Provider");
    if (name == kManagerPlugin) continue;
    const json::object* there = plugin_there(name);
    const Observed::Installed* running = installed(provider);
    const bool usable =
        component_index_.contains(provider) || (running != nullptr && running->kind == Kind::kPluginProvider);
    if (!usable) {
      problem(fmt::format("{}: plugin {} needs provider {}, which is neither installed nor wanted",
                          wish.from.set, name, provider));
      continue;
    }
    if (there != nullptr && same_plugin(wish.value, *there, same)) continue;
    Action action;
    action.kind = Kind::kPlugin;
    action.name = name;
    action.verb = "AddOrUpdate";
    action.value = wish.value;
    action.from = wish.from;
    const json::object& params = model::object_member(wish.value, "Params");
    action.secret = std::ranges::any_of(params, [&](const json::key_value_pair& member) {
      const json::value* now =
          there == nullptr ? nullptr : model::object_member(*there, "Params").if_contains(member.key());
      return is_secret(member.key(), member.value(), now);
    });
    if (there != nullptr) {
      const json::object shown = without_secrets(*there, [&](const std::string& param) {
        const json::value& now = model::object_member(*there, "Params").at(param);
        return is_secret(param, now, nullptr);
      });
      action.current = shown_value(json::object{{"Provider", model::text_member(shown, "Provider")},
                                                {"Params", model::object_member(shown, "Params")}});
    }
    if (const auto before = component_index_.find(provider); before != component_index_.end())
      action.after.push_back(before->second);
    plugin_index_[name] = add(std::move(action));
  }
}

/// Whether a look found it or put it there, though the endpoint does not list it: as far as anybody here can
/// tell it stays. Of a list that is complete that counts until the list changes.
bool Planner::was_there(const std::string& path, const std::string& sha256) const {
  if (sha256.empty()) return false;
  if (observed_.files_complete)
    return inputs_.seen_there && inputs_.seen_there(observed_.id, path, sha256, plan_.listing);
  return inputs_.same_secret &&
         inputs_.same_secret(observed_.id, file_place(path), json::value(sha256), json::value());
}

void Planner::plan_file(const Sourced<FileWish>& wish) {
  const FileWish& file = wish.value;
  const std::optional<std::string> own = versionset::own_file_of(file.source);
  std::optional<PlanInputs::OwnFile> source;
  if (own && inputs_.own_file) source = inputs_.own_file(*own);
  std::string sha256 = file.sha256;
  if (sha256.empty() && source) sha256 = source->sha256;
  const auto there = observed_.files.find(file.path);
  const bool listed = there != observed_.files.end();
  if (listed && there->second == sha256 && !sha256.empty()) return;
  if (!listed && was_there(file.path, sha256)) return;
  if (own && !source)
    return problem(fmt::format("{}: {}: this server has no {}", wish.from.set, file.path, *own));
  if (own && source->sha256 != sha256) {
    return problem(fmt::format("{}: {}: expected sha256 {}, {} of this server has {}", wish.from.set,
                               file.path, sha256, *own, source->sha256));
  }
  Action action;
  action.kind = Kind::kFile;
  action.name = file.path;
  action.version = sha256;
  action.actual_version = file.source;
  action.verb = "AddOrUpdate";
  action.value = file.explode;
  action.from = wish.from;
  action.current = listed ? there->second : "";
  action.unlisted = !listed && !observed_.files_complete;
  action.bytes = source ? source->bytes : 0;
  action.artifact = catalog::Artifact{
      versionset::rendered_source(file.source, inputs_.provisioner_url, inputs_.api_url), "", sha256};
  add(std::move(action));
}

void Planner::plan_files() {
  if (wanted_.files.empty()) return;
  if (!observed_.files_known)
    return problem(fmt::format("the files of {} are not known before it is connected", observed_.id));
  plan_.listing = digest_of(observed_.files);
  for (const Sourced<FileWish>& wish : wanted_.files) plan_file(wish);
}

void Planner::plan_settings() {
  for (const auto& [name, wish] : wanted_.prefs) {
    const auto there = observed_.prefs.find(name);
    const bool known = there != observed_.prefs.end();
    if (known && there->second == wish.value) continue;
    Action action;
    action.kind = Kind::kPref;
    action.name = name;
    action.verb = "Set";
    action.value = wish.value;
    action.from = wish.from;
    action.current = known ? there->second : "";
    add(std::move(action));
  }
  plan_global();
}

void Planner::plan_global() {
  for (const auto& [name, wish] : wanted_.global) {
    const auto there = observed_.global.find(name);
    const json::value* shown = there == observed_.global.end() ? nullptr : &there->second;
    if (shown != nullptr && same_value("Global/" + name, wish.value, *shown)) continue;
    Action action;
    action.kind = Kind::kGlobal;
    action.name = name;
    action.verb = "Set";
    action.value = wish.value;
    action.from = wish.from;
    action.secret = is_secret(name, wish.value, shown);
    if (shown != nullptr) action.current = action.secret ? std::string(kHidden) : shown_value(*shown);
    add(std::move(action));
  }
}

}  // namespace mullion::plan
