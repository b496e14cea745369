#include "plugins/internal/plugin_wishes.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "model/secure_params.h"

namespace mullion::plugins {

namespace {

namespace json = boost::json;

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

/// The default of the parameter's schema, or nothing.
std::optional<json::value> default_of(const store::Snapshot& snapshot, const std::string& parameter) {
  const auto stored = snapshot.get_local("params", parameter);
  const auto param = stored ? model::read_object(stored->body) : std::nullopt;
  const json::object* schema = param ? object_of(*param, "Schema") : nullptr;
  const json::value* value = schema == nullptr ? nullptr : schema->if_contains("default");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

/// Opens sealed values; what cannot be opened is handed over as it is.
void open_values(const WishSources& sources, const std::string& plugin, json::object& params) {
  for (auto& member : params) {
    if (!model::is_sealed(member.value())) continue;
    auto clear = sources.services.open_sealed(kPlugins, plugin, json::serialize(member.value()));
    auto value = clear ? parse_json(*clear) : Result<json::value>(clear.error());
    if (value) member.value() = std::move(*value);
  }
}

void fill_defaults(const store::Snapshot& snapshot, const std::vector<std::string>& names,
                   json::object& params) {
  for (const std::string& name : names) {
    if (params.contains(name)) continue;
    if (auto value = default_of(snapshot, name)) params[name] = std::move(*value);
  }
}

std::string missing_of(const std::vector<std::string>& names, const json::object& params) {
  std::string missing;
  for (const std::string& name : names) {
    if (!params.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  }
  return missing;
}

std::string problem_of(const ProviderEntry* provider, const std::string& provider_name) {
  if (provider == nullptr) return fmt::format("Plugin provider {} does not exist", provider_name);
  if (provider->has_program) return {};
  return fmt::format("The program of plugin provider {} is missing: upload it again", provider_name);
}

PluginWish wish_of(const WishSources& sources, const ProviderEntry& provider, const std::string& plugin,
                   json::object params) {
  PluginWish wish;
  open_values(sources, plugin, params);
  fill_defaults(sources.snapshot, provider.definition.required, params);
  fill_defaults(sources.snapshot, provider.definition.optional, params);
  const std::string missing = missing_of(provider.definition.required, params);
  if (!missing.empty()) wish.problem = "Missing required parameter " + missing;
  wish.run = wish.problem.empty();
  wish.generation = fmt::format("{}/{}", provider.sha256, sources.token_epoch);
  wish.config = json::serialize(params);
  return wish;
}

PluginOrder order_of(const WishSources& sources, const std::string& name, const json::object& plugin) {
  PluginOrder order;
  order.provider = model::text_member(plugin, "Provider");
  order.shown = model::texts_member(plugin, "PluginErrors");
  const auto found = sources.providers.find(order.provider);
  const ProviderEntry* provider = found == sources.providers.end() ? nullptr : found->second.get();
  order.wish.problem = problem_of(provider, order.provider);
  if (!order.wish.problem.empty()) return order;
  order.program = sources.files.program(order.provider);
  order.token = provider->definition.token;
  order.has_publish = provider->definition.has_publish;
  const json::object* params = object_of(plugin, "Params");
  order.wish = wish_of(sources, *provider, name, params == nullptr ? json::object() : *params);
  return order;
}

}  // namespace

std::map<std::string, PluginOrder> plugin_orders(const WishSources& sources) {
  std::map<std::string, PluginOrder> orders;
  const auto add = [&](std::string_view owner) {
    sources.snapshot.scan_owner(kPlugins, owner, "", [&](std::string_view key, std::string_view body) {
      const auto plugin = model::read_object(body);
      if (!plugin) return true;
      const std::string name(key);
      const std::string provider = model::text_member(*plugin, "Provider");
      const bool known = sources.providers.contains(provider);
      if (!known && sources.in_change.contains(provider)) return true;
      if (owner == store::kOwn || known) orders.try_emplace(name, order_of(sources, name, *plugin));
      return true;
    });
  };
  add(store::kOwn);
  add(store::kLayered);
  return orders;
}

}  // namespace mullion::plugins
