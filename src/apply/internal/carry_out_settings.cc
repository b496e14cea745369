// Preferences, global parameters and plugins; secret values change hands sealed.
#include <fmt/format.h>

#include <algorithm>

#include "apply/internal/carry_out.h"
#include "apply/internal/set_secrets.h"
#include "auth/auth.h"
#include "base/json.h"
#include "client/routes.h"
#include "model/members.h"
#include "model/pointer.h"
#include "model/secure_params.h"
#include "plan/same_plugin.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kPlugins = "plugins";

Task<Result<bool>> is_secure_there(manager::EndpointCalls& calls, std::string param) {
  Result<std::optional<json::value>> declared =
      co_await client::look_up(calls, client::get_object("params", param));
  if (!declared) co_return declared.error();
  co_return declared->has_value() && (*declared)->is_object() &&
      model::flag_member((*declared)->get_object(), "Secure");
}

/// An object with parameters: "profiles", "global".
struct Holder {
  std::string prefix, key;
};

/// A value as it may be sent for a parameter of `holder`.
Task<Result<json::value>> value_to_send(const Target& target, Holder holder, std::string param,
                                        std::string set, json::value wanted) {
  Result<bool> secure = co_await is_secure_there(target.calls, param);
  if (!secure) co_return secure.error();
  if (!*secure && !model::is_sealed(wanted)) co_return wanted;
  Result<std::string> clear = opened_secret(target.store, set, wanted);
  if (!clear) co_return clear.error();
  if (!*secure)
    co_return Error(ErrorCode::kInvalid,
                    fmt::format("{} is secret here, and no secure parameter there", param));
  Result<std::optional<json::value>> key =
      co_await client::look_up(target.calls, client::get_object_pubkey(holder.prefix, holder.key));
  if (!key) co_return key.error();
  if (!*key || !(*key)->is_string())
    co_return Error(ErrorCode::kInternal, fmt::format("{}/{} has no public key", holder.prefix, holder.key));
  Result<std::string> sealed = auth::seal_for((*key)->get_string(), *clear);
  if (!sealed) co_return sealed.error();
  co_return own_json(*sealed);
}

bool shows_wanted(const Target& target, const std::string& place, const json::value& wanted,
                  const json::value& shown) {
  if (wanted == shown) return true;
  return model::is_sealed(shown) && target.memory.same_secret(target.endpoint, place, wanted, shown);
}

/// What the endpoint shows after it took `wanted`: remembered when it is sealed, else it must be equal.
Task<Result<void>> take_note(const Target& target, std::string place, json::value wanted, json::value shown,
                             const Action& action) {
  if (model::is_sealed(shown))
    co_return co_await target.memory.remember_secret(target.endpoint, std::move(place), std::move(wanted),
                                                     std::move(shown));
  if (wanted == shown) co_return Result<void>{};
  co_return not_shown(action, "shows another value");
}

// ---- plugins

bool is_as_wanted(const Target& target, const Action& action, const json::object& shown) {
  return plan::same_plugin(
      action.value.get_object(), shown,
      [&target](const std::string& place, const json::value& wanted, const json::value& now) {
        return shows_wanted(target, place, wanted, now);
      });
}

Task<Result<std::optional<json::object>>> plugin_there(manager::EndpointCalls& calls, std::string name) {
  Result<std::optional<json::value>> found =
      co_await client::look_up(calls, client::get_object(kPlugins, name));
  if (!found) co_return found.error();
  if (!*found || !(*found)->is_object()) co_return std::optional<json::object>();
  co_return std::optional<json::object>(std::move((*found)->get_object()));
}

/// Every parameter as it may be sent: all of them are replaced at once. What the endpoint has already stays
/// sealed as it is, also what the set does not name.
Task<Result<json::object>> params_to_send(const Target& target, const Action& action,
                                          const json::object& there) {
  const json::object& asked = model::object_member(action.value.get_object(), "Params");
  json::object out;
  for (const auto& [param, now] : there) {
    if (plan::stays(asked, param, now)) out[param] = now;
  }
  for (const auto& [param, wanted] : asked) {
    const json::value* now = there.if_contains(param);
    if (now != nullptr && shows_wanted(target, plan::plugin_place(action.name, param), wanted, *now)) {
      out[param] = *now;
      continue;
    }
    Holder holder{std::string(kPlugins), action.name};
    std::string name(param);
    Result<json::value> value =
        co_await value_to_send(target, std::move(holder), std::move(name), action.from.set, wanted);
    if (!value) co_return value.error();
    out[param] = std::move(*value);
  }
  co_return out;
}

Task<Result<void>> remove_plugin(const Target& target, std::string name) {
  client::Request request = client::delete_object(kPlugins, name);
  net::ClientRequest sent = client::bare_request(request);
  Result<client::Answer> removed = co_await client::ask(target.calls, std::move(request), std::move(sent));
  if (!removed) co_return removed.error();
  co_return Result<void>{};
}

/// Without parameters: those that are secret can be sealed only for a plugin that exists.
Task<Result<json::object>> create_plugin(const Target& target, const Action& action) {
  json::object body = action.value.get_object();
  body["Params"] = json::object();
  Result<client::Answer> made = co_await client::ask(target.calls, client::post_collection(kPlugins), body);
  if (!made) co_return made.error();
  co_return body;
}

json::object added(std::string path, json::value value) {
  return {{"op", "add"}, {"path", std::move(path)}, {"value", std::move(value)}};
}

/// What of `wanted` the plugin's Meta lacks, as a patch.
json::array meta_patch(const json::object& shown, const json::object& wanted) {
  json::array patch;
  const json::object& meta = model::object_member(shown, "Meta");
  const bool absent = !shown.contains("Meta");
  if (absent && !wanted.empty()) patch.emplace_back(added("/Meta", json::object()));
  for (const auto& [name, value] : wanted) {
    const json::value* now = meta.if_contains(name);
    if (now != nullptr && *now == value) continue;
    patch.emplace_back(added("/Meta/" + model::pointer_part(name), value));
  }
  return patch;
}

Task<Result<void>> update_plugin(const Target& target, const Action& action, json::object shown) {
  Result<json::object> params =
      co_await params_to_send(target, action, model::object_member(shown, "Params"));
  if (!params) co_return params.error();
  Result<client::Answer> set =
      co_await client::ask(target.calls, client::post_object_params(kPlugins, action.name), *params);
  if (!set) co_return set.error();
  const json::array patch = meta_patch(shown, model::object_member(action.value.get_object(), "Meta"));
  if (patch.empty()) co_return Result<void>{};
  Result<client::Answer> changed =
      co_await client::ask(target.calls, client::patch_object(kPlugins, action.name), patch);
  if (!changed) co_return changed.error();
  co_return Result<void>{};
}

Task<Result<Effect>> delete_plugin(const Target& target, const Action& action) {
  Result<std::optional<json::object>> there = co_await plugin_there(target.calls, action.name);
  if (!there) co_return there.error();
  if (!*there) co_return Effect::kNone;
  Result<void> removed = co_await remove_plugin(target, action.name);
  if (!removed) co_return removed.error();
  there = co_await plugin_there(target.calls, action.name);
  if (!there) co_return there.error();
  if (*there) co_return not_shown(action, "it is still there");
  co_return Effect::kChanged;
}

Task<Result<void>> take_note_of_plugin(const Target& target, const Action& action) {
  Result<std::optional<json::object>> there = co_await plugin_there(target.calls, action.name);
  if (!there) co_return there.error();
  if (!*there) co_return not_shown(action, "does not have it");
  const json::object& shown = model::object_member(**there, "Params");
  for (const auto& [param, wanted] : model::object_member(action.value.get_object(), "Params")) {
    const json::value* now = shown.if_contains(param);
    std::string place = plan::plugin_place(action.name, param);
    json::value value;
    if (now != nullptr) value = *now;
    Result<void> noted = co_await take_note(target, std::move(place), wanted, std::move(value), action);
    if (!noted) co_return noted;
  }
  if (!is_as_wanted(target, action, **there)) co_return not_shown(action, "shows it otherwise");
  co_return Result<void>{};
}

}  // namespace

Task<Result<Effect>> carry_out_plugin(const Target& target, const Action& action) {
  if (action.verb == "Delete") co_return co_await delete_plugin(target, action);
  if (!action.value.is_object()) co_return Error(ErrorCode::kInvalid, "the plugin is no object");
  Result<std::optional<json::object>> there = co_await plugin_there(target.calls, action.name);
  if (!there) co_return there.error();
  if (*there && is_as_wanted(target, action, **there)) co_return Effect::kNone;
  const std::string provider = model::text_member(action.value.get_object(), "Provider");
  if (*there && model::text_member(**there, "Provider") != provider) {
    Result<void> removed = co_await remove_plugin(target, action.name);
    if (!removed) co_return removed.error();
    there->reset();
  }
  json::object shown = *there ? std::move(**there) : json::object();
  if (shown.empty()) {
    Result<json::object> made = co_await create_plugin(target, action);
    if (!made) co_return made.error();
    shown = std::move(*made);
  }
  Result<void> updated = co_await update_plugin(target, action, std::move(shown));
  if (!updated) co_return updated.error();
  Result<void> noted = co_await take_note_of_plugin(target, action);
  if (!noted) co_return noted.error();
  co_return Effect::kChanged;
}

Task<Result<Effect>> carry_out_pref(const Target& target, const Action& action) {
  Result<std::optional<json::value>> prefs = co_await client::look_up(target.calls, client::get_prefs());
  if (!prefs) co_return prefs.error();
  const auto shown = [&]() -> json::value {
    if (!*prefs || !(*prefs)->is_object()) return nullptr;
    const json::value* now = (*prefs)->get_object().if_contains(action.name);
    return now == nullptr ? json::value() : *now;
  };
  if (shown() == action.value) co_return Effect::kNone;
  json::object body;
  body[action.name] = action.value;
  Result<client::Answer> set = co_await client::ask(target.calls, client::post_prefs(), body);
  if (!set) co_return set.error();
  prefs = co_await client::look_up(target.calls, client::get_prefs());
  if (!prefs) co_return prefs.error();
  if (shown() != action.value) co_return not_shown(action, "shows another value");
  co_return Effect::kChanged;
}

Task<Result<Effect>> carry_out_global(const Target& target, const Action& action) {
  const std::string place = "Global/" + action.name;
  const Holder global{"profiles", "global"};
  const client::Request look = client::get_object_params(global.prefix, global.key, action.name);
  Result<std::optional<json::value>> shown = co_await client::look_up(target.calls, look);
  if (!shown) co_return shown.error();
  if (*shown && shows_wanted(target, place, action.value, **shown)) co_return Effect::kNone;
  Result<json::value> value =
      co_await value_to_send(target, global, action.name, action.from.set, action.value);
  if (!value) co_return value.error();
  client::Request change = client::post_object_params(global.prefix, global.key, action.name);
  Result<client::Answer> set = co_await client::ask(target.calls, std::move(change), *value);
  if (!set) co_return set.error();
  shown = co_await client::look_up(target.calls, look);
  if (!shown) co_return shown.error();
  json::value now;
  if (*shown) now = **shown;
  Result<void> noted = co_await take_note(target, place, action.value, std::move(now), action);
  if (!noted) co_return noted.error();
  co_return Effect::kChanged;
}

}  // namespace mullion::apply
