#include "plugins/internal/provider_definition.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "model/type_catalog.h"
#include "plugins/providers.h"
#include "yaml/yaml.h"

namespace mullion::plugins {

namespace {

namespace json = boost::json;

constexpr int64_t kProtocol = 4;
constexpr std::string_view kProviderType = "plugin_providers";
constexpr size_t kShownText = 200;

Error bad_definition(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

/// The beginning of what a program printed, fit for an error text.
std::string excerpt(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShownText)) out += c >= ' ' && c < 0x7f ? c : '.';
  return out;
}

/// Fills in who offers each action.
Result<void> read_actions(ProviderDefinition& definition) {
  for (json::value& item : definition.object["AvailableActions"].get_array()) {
    if (!item.is_object()) return bad_definition("AvailableActions: expected objects");
    json::object& action = item.get_object();
    action["Provider"] = definition.name;
    ProviderAction read{definition.name, model::text_member(action, "Model"),
                        model::text_member(action, "Command"), model::texts_member(action, "RequiredParams"),
                        model::texts_member(action, "OptionalParams")};
    if (read.command.empty() || read.command.find('/') != std::string::npos) {
      return bad_definition(fmt::format("AvailableActions: `{}` is not a name of a command", read.command));
    }
    definition.actions.push_back(std::move(read));
  }
  return {};
}

Result<void> read_collections(ProviderDefinition& definition) {
  for (const auto& [prefix, schema] : definition.object["StoreObjects"].get_object()) {
    if (auto usable = model::check_declaration(prefix, schema); !usable) return usable;
    definition.collections.emplace_back(prefix, schema.is_object() ? schema.get_object() : json::object());
  }
  return {};
}

Result<void> check_identity(const json::object& given, std::string_view name) {
  const std::string said = model::text_member(given, "Name");
  if (said != name)
    return bad_definition(fmt::format("the program calls itself `{}`, not `{}`", excerpt(said), name));
  const json::value* version = given.if_contains("PluginVersion");
  const bool spoken = version != nullptr && version->is_number() &&
                      version->to_number<double>() == static_cast<double>(kProtocol);
  if (spoken) return {};
  return bad_definition(fmt::format("PluginVersion must be {}", kProtocol));
}

/// One part of the claim that Meta declares; absent when Meta does not name it.
Result<std::optional<std::string>> token_part(const json::object& meta, std::string_view name) {
  if (!meta.contains(name)) return std::optional<std::string>();
  std::string value = model::text_member(meta, name);
  if (value.empty()) return bad_definition(fmt::format("Meta: {} is no text, or empty", name));
  return std::optional(std::move(value));
}

Result<void> read_token(ProviderDefinition& definition) {
  TokenScope token;
  const std::pair<std::string_view, std::string*> parts[] = {
      {"token-scope", &token.scope}, {"token-action", &token.action}, {"token-specific", &token.specific}};
  bool declared = false;
  for (const auto& [name, place] : parts) {
    auto value = token_part(definition.meta, name);
    if (!value) return value.error();
    declared = declared || *value;
    *place = value->value_or("*");
  }
  if (declared) definition.token = std::move(token);
  return {};
}

void set_default(json::object& meta, std::string_view field, std::string_view value) {
  const json::value* given = meta.if_contains(field);
  const bool said =
      given != nullptr && !given->is_null() && !(given->is_string() && given->get_string().empty());
  if (!said && !value.empty()) meta[field] = value;
}

/// Packs write some words of their meta in capitals that objects write without.
std::string_view shown_as(std::string_view name) {
  if (name == "Color") return "color";
  if (name == "Icon") return "icon";
  return name;
}

}  // namespace

Result<ProviderDefinition> read_definition(std::string_view text, std::string_view name) {
  auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) {
    return bad_definition(fmt::format("define did not print a JSON object but: {}", excerpt(text)));
  }
  if (auto known = check_identity(parsed->get_object(), name); !known) return known.error();
  ProviderDefinition definition;
  definition.name = name;
  definition.content = model::text_member(parsed->get_object(), "Content");
  auto object = model::normalise(*model::find_object_type(kProviderType), std::move(*parsed), nullptr);
  if (!object) return bad_definition("define: " + object.error().messages.front());
  definition.object = std::move(*object);
  definition.object["Content"] = "";
  definition.version = model::text_member(definition.object, "Version");
  definition.auto_start = model::flag_member(definition.object, "AutoStart");
  definition.has_publish = model::flag_member(definition.object, "HasPublish");
  definition.required = model::texts_member(definition.object, "RequiredParams");
  definition.optional = model::texts_member(definition.object, "OptionalParams");
  definition.meta = definition.object["Meta"].get_object();
  if (auto read = read_token(definition); !read) return read.error();
  if (auto read = read_actions(definition); !read) return read.error();
  if (auto read = read_collections(definition); !read) return read.error();
  return definition;
}

Result<json::object> layer_document(const ProviderDefinition& definition) {
  json::object document;
  if (!definition.content.empty()) {
    auto parsed = yaml::read(definition.content);
    if (!parsed) return bad_definition("Content: " + parsed.error().messages.front());
    if (!parsed->is_object()) return bad_definition("Content: expected a content pack");
    document = std::move(parsed->get_object());
  }
  const json::value* given = document.if_contains("meta");
  json::object meta = given != nullptr && given->is_object() ? given->get_object() : json::object();
  meta["Name"] = definition.name;
  meta["Type"] = "plugin";
  set_default(meta, "Version", definition.version);
  set_default(meta, "Description", fmt::format("Content layer for {} plugin provider", definition.name));
  set_default(meta, "Source", "FromPluginProvider");
  set_default(meta, "Color", model::text_member(definition.meta, "color"));
  set_default(meta, "Icon", model::text_member(definition.meta, "icon"));
  document["meta"] = std::move(meta);
  return document;
}

json::object shown_provider(const ProviderDefinition& definition, const json::object& pack_meta) {
  json::object object = definition.object;
  json::object& meta = object["Meta"].get_object();
  for (const auto& [name, value] : pack_meta) {
    if (name != "Name" && value.is_string()) set_default(meta, shown_as(name), value.get_string());
  }
  return object;
}

json::object auto_start_plugin(const ProviderDefinition& definition) {
  return {{"Name", definition.name}, {"Provider", definition.name}, {"Meta", definition.meta}};
}

}  // namespace mullion::plugins
