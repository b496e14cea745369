// Plugins, files, preferences and global parameters.
#include <fmt/format.h>

#include <algorithm>

#include "versionset/internal/json_read.h"
#include "versionset/internal/planner.h"
#include "versionset/internal/sources.h"

namespace mullion::versionset {
namespace {

/// The pseudo plugin of managers, which is part of them.
constexpr std::string_view kManagerPlugin = "manager";

/// Preferences whose change ends every login.
bool ends_logins(std::string_view pref) { return pref.ends_with("Secret"); }

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
  if (is_sealed(wanted) || (shown != nullptr && is_sealed(*shown))) return true;
  return inputs_.is_secure && inputs_.is_secure(param);
}

bool Planner::same_value(const std::string& place, const json::value& wanted,
                         const json::value& shown) const {
  if (wanted == shown) return true;
  if (!is_sealed(shown)) return false;
  return inputs_.same_secret && inputs_.same_secret(observed_.id, place, wanted, shown);
}

bool Planner::same_plugin(const json::object& wanted, const json::object& shown) const {
  if (text_member(wanted, "Provider") != text_member(shown, "Provider")) return false;
  const json::object& asked = object_member(wanted, "Params");
  const json::object& there = object_member(shown, "Params");
  for (const auto& [name, value] : asked) {
    const json::value* now = there.if_contains(name);
    const std::string place =
        fmt::format("Plugin/{}/{}", text_member(wanted, "Name"), std::string_view(name));
    if (now == nullptr || !same_value(place, value, *now)) return false;
  }
  // Secrets that the set does not name were put there by hand, and stay.
  const bool more = std::ranges::any_of(there, [&](const json::key_value_pair& member) {
    return !asked.contains(member.key()) && !is_sealed(member.value());
  });
  if (more) return false;
  const json::object& meta = object_member(shown, "Meta");
  return std::ranges::all_of(object_member(wanted, "Meta"), [&](const json::key_value_pair& member) {
    const json::value* now = meta.if_contains(member.key());
    return now != nullptr && *now == member.value();
  });
}

void Planner::plan_plugins() {
  for (const Sourced<json::object>& wish : wanted_.plugins) {
    const std::string name = text_member(wish.value, "Name");
    const std::string provider = text_member(wish.value, "Provider");
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
    if (there != nullptr && same_plugin(wish.value, *there)) continue;
    Action action;
    action.kind = Kind::kPlugin;
    action.name = name;
    action.verb = "AddOrUpdate";
    action.value = wish.value;
    action.from = wish.from;
    const json::object& params = object_member(wish.value, "Params");
    action.secret = std::ranges::any_of(params, [&](const json::key_value_pair& member) {
      const json::value* now =
          there == nullptr ? nullptr : object_member(*there, "Params").if_contains(member.key());
      return is_secret(member.key(), member.value(), now);
    });
    if (there != nullptr) {
      const json::object shown = without_secrets(*there, [&](const std::string& param) {
        const json::value& now = object_member(*there, "Params").at(param);
        return is_secret(param, now, nullptr);
      });
      action.current = shown_value(json::object{{"Provider", text_member(shown, "Provider")},
                                                {"Params", object_member(shown, "Params")}});
    }
    if (const auto before = component_index_.find(provider); before != component_index_.end())
      action.after.push_back(before->second);
    plugin_index_[name] = add(std::move(action));
  }
}

bool Planner::was_there(const std::string& path, const std::string& sha256) const {
  return !sha256.empty() && inputs_.same_secret &&
         inputs_.same_secret(observed_.id, file_place(path), json::value(sha256), json::value());
}

void Planner::plan_file(const Sourced<FileWish>& wish) {
  const FileWish& file = wish.value;
  const std::optional<std::string> own = own_file_of(file.source);
  std::optional<PlanInputs::OwnFile> source;
  if (own && inputs_.own_file) source = inputs_.own_file(*own);
  std::string sha256 = file.sha256;
  if (sha256.empty() && source) sha256 = source->sha256;
  const auto there = observed_.files.find(file.path);
  const bool equal = there != observed_.files.end() && there->second == sha256 && !sha256.empty();
  if (equal) return;
  const bool unlisted = there == observed_.files.end() && !observed_.files_complete;
  // Looked at once: it stays what it was then as far as anybody here can tell.
  if (unlisted && was_there(file.path, sha256)) return;
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
  action.current = there == observed_.files.end() ? "" : there->second;
  action.unlisted = unlisted;
  action.bytes = source ? source->bytes : 0;
  action.artifact =
      catalog::Artifact{rendered_source(file.source, inputs_.provisioner_url, inputs_.api_url), "", sha256};
  add(std::move(action));
}

void Planner::plan_files() {
  if (wanted_.files.empty()) return;
  if (!observed_.files_known)
    return problem(fmt::format("the files of {} are not known before it is connected", observed_.id));
  for (const Sourced<FileWish>& wish : wanted_.files) plan_file(wish);
}

void Planner::plan_settings() {
  std::vector<Action> last;
  for (const auto& [name, wish] : wanted_.prefs) {
    const auto there = observed_.prefs.find(name);
    const bool secret = ends_logins(name);
    if (secret && wish.value == kHidden) continue;
    if (!secret && there != observed_.prefs.end() && there->second == wish.value) continue;
    Action action;
    action.kind = Kind::kPref;
    action.name = name;
    action.verb = "Set";
    action.value = wish.value;
    action.from = wish.from;
    action.secret = secret;
    if (!secret) {
      action.current = there == observed_.prefs.end() ? "" : there->second;
      add(std::move(action));
      continue;
    }
    const bool set_already =
        inputs_.same_secret && inputs_.same_secret(observed_.id, "Pref/" + name, action.value, json::value());
    if (!set_already) last.push_back(std::move(action));
  }
  plan_global();
  // Later than everything that needs a login.
  for (Action& action : last) add(std::move(action));
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

}  // namespace mullion::versionset
