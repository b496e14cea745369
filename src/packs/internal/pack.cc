#include "packs/internal/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "model/object.h"
#include "packs/internal/sealing.h"
#include "yaml/typed_texts.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;

constexpr std::string_view kMetaFields[] = {
    "Name",          "Version",    "Description", "Source", "Documentation", "RequiredFeatures",
    "Prerequisites", "Color",      "Icon",        "Author", "DisplayName",   "License",
    "Copyright",     "CodeSource", "Order",       "Tags",   "DocUrl",        "Type"};
constexpr size_t kMaxObjects = 200'000;

std::string meta_text(const json::object& meta, std::string_view field) {
  const json::value* value = meta.if_contains(field);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_string()) return json::serialize(*value);  // YAML turns "Order: 100" into a number
  const std::string_view text = value->get_string();
  return std::string(field == "Documentation" ? text : trimmed(text));
}

std::string layer_type(std::string_view name, const std::string& wanted) {
  if (name == kBackingStore) return "writable";
  if (name == kLocalStore) return "local";
  if (name == kDefaultStore) return "default";
  if (name == kBasicStore) return "basic";
  return wanted.empty() ? "dynamic" : wanted;
}

bool is_overwritable(std::string_view name, std::string_view type) {
  return name == kLocalStore || name == kBasicStore || type == "default";
}

/// Valid names go into paths and messages.
bool is_plain_name(std::string_view name) {
  return name.size() <= 255 && std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == '\\' || (c >= 0 && c < ' ');
         });
}

Error bad_item(std::string_view layer, std::string_view section, std::string_view key, std::string_view why) {
  return Error(
      ErrorCode::kInvalid, std::string(kUndecodable), "contents", std::string(layer),
      {fmt::format("Store {} item {} failed to load from layer content-{}: {}", section, key, layer, why),
       fmt::format("Try manually replacing content layer {}", layer)});
}

void mark_read_only(json::object& object, std::string_view layer) {
  object["ReadOnly"] = true;
  object["Bundle"] = layer;
  object["Validated"] = true;
  object["Available"] = true;
  object["Errors"] = json::array();
}

/// Objects of collections this server has no description of are kept as they are.
std::string generic_body(json::object object, std::string_view layer) {
  object.erase("Endpoint");
  mark_read_only(object, layer);
  return json::serialize(object);
}

/// Packs carry hashes as base64; the accounts keep the text itself, either is understood there.
void keep_secrets(Layer& layer, std::string_view section, const std::string& key, const json::object& taken) {
  json::object kept;
  for (const auto& [name, value] : taken) {
    if (value.is_string() && !value.get_string().empty()) kept[name] = value;
  }
  if (!kept.empty()) layer.secrets.push_back({std::string(section), key, json::serialize(kept)});
}

class Reader {
 public:
  explicit Reader(Layer& layer) : layer_(layer) {}

  Result<void> section(std::string_view name, const json::value& content) {
    if (content.is_null()) return {};
    if (!content.is_object()) {
      return Error(ErrorCode::kBadRequest, fmt::format("sections.{}: expected an object", name));
    }
    const json::object& items = content.get_object();
    if (name == "preferences") {
      if (!items.empty())
        layer_.warnings.emplace_back("preferences are not taken from content packs: section ignored");
      return {};
    }
    layer_.counts[std::string(name)] = items.size();
    const model::ObjectType* type = model::find_object_type(name);
    for (const auto& [key, value] : items) {
      auto read = item(name, type, std::string(key), value);
      if (!read) return read;
    }
    return {};
  }

 private:
  Result<void> item(std::string_view section, const model::ObjectType* type, const std::string& key,
                    const json::value& value) {
    if (layer_.objects.size() >= kMaxObjects)
      return Error(ErrorCode::kTooLarge, "content pack has too many objects");
    if (key.empty()) return bad_item(layer_.name, section, key, "Empty key not allowed");
    if (!value.is_object()) return bad_item(layer_.name, section, key, "expected an object");
    ObjectName name(section, key);
    if (type == nullptr) {
      layer_.objects[std::move(name)] = generic_body(value.get_object(), layer_.name);
      return {};
    }
    return typed_item(*type, std::move(name), value);
  }

  Result<void> typed_item(const model::ObjectType& type, ObjectName name, const json::value& value) {
    json::value input = value;
    const std::string key_field(type.key_field);
    if (type.key_kind != "hex-address" && !input.get_object().contains(key_field)) {
      input.get_object()[key_field] = name.second;
    }
    yaml::spell_texts(type.fields, input.get_object(), yaml::Nulls::kEmptyText);
    auto object = model::normalise(type, std::move(input), nullptr);
    if (!object) return bad_item(layer_.name, name.first, name.second, object.error().messages.front());
    const std::string key = model::object_key(type, *object);
    if (key != model::canonical_key(type, name.second)) {
      return bad_item(layer_.name, name.first, name.second, fmt::format("its key is {}", key));
    }
    name.second = key;
    keep_secrets(layer_, name.first, key, model::take_secrets(type, *object));
    mark_read_only(*object, layer_.name);
    layer_.objects[std::move(name)] = model::canonical_body(type, *object);
    return {};
  }

  Layer& layer_;
};

std::string secret_holder_of(const Layer& layer) {
  if (!layer.secrets.empty())
    return fmt::format("{}/{}", layer.secrets.front().space, layer.secrets.front().key);
  const auto found = std::find_if(layer.objects.begin(), layer.objects.end(),
                                  [](const auto& object) { return body_holds_sealed(object.second); });
  if (found == layer.objects.end()) return {};
  return fmt::format("{}/{}", found->first.first, found->first.second);
}

void apply_meta(Layer& layer) {
  layer.name = std::string_view(layer.meta["Name"].get_string());
  layer.type = std::string_view(layer.meta["Type"].get_string());
  layer.writable = layer.meta["Writable"].get_bool();
  layer.overwritable = layer.meta["Overwritable"].get_bool();
}

}  // namespace

bool is_builtin_layer(std::string_view name) {
  return name == kBackingStore || name == kLocalStore || name == kDefaultStore || name == kBasicStore;
}

Result<json::object> read_meta(const json::object& document) {
  const json::value* found = document.if_contains("meta");
  if (found != nullptr && !found->is_object())
    return Error(ErrorCode::kBadRequest, "meta: expected an object");
  const json::object given = found != nullptr ? found->get_object() : json::object();
  json::object meta;
  for (const std::string_view field : kMetaFields) meta[field] = meta_text(given, field);
  const std::string name(std::string_view(meta["Name"].get_string()));
  if (name.empty()) {
    return Error(ErrorCode::kInvalid, "", "contents", "", {"Store at content- has no Name metadata"});
  }
  if (!is_plain_name(name))
    return Error(ErrorCode::kInvalid, "", "contents", name, {"Invalid Name `" + name + "`"});
  const std::string type = layer_type(name, std::string(std::string_view(meta["Type"].get_string())));
  meta["Type"] = type;
  meta["Writable"] = name == kBackingStore;
  meta["Overwritable"] = is_overwritable(name, type);
  return meta;
}

Result<Layer> read_layer(const json::object& document) {
  auto meta = read_meta(document);
  if (!meta) return meta.error();
  Layer layer;
  layer.meta = std::move(*meta);
  apply_meta(layer);
  auto version = parse_version(std::string_view(layer.meta["Version"].get_string()));
  if (!version) {
    const std::string text(std::string_view(layer.meta["Version"].get_string()));
    return Error(ErrorCode::kInvalid, "", "contents", layer.name,
                 {fmt::format("Layer {}: invalid version {}: {}", layer.name, text,
                              version.error().messages.front())});
  }
  layer.version = *version;
  const json::value* sections = document.if_contains("sections");
  if (sections == nullptr || sections->is_null()) return layer;
  if (!sections->is_object()) return Error(ErrorCode::kBadRequest, "sections: expected an object");
  Reader reader(layer);
  for (const auto& [name, content] : sections->get_object()) {
    auto read = reader.section(name, content);
    if (!read) return read.error();
  }
  layer.secret_holder = secret_holder_of(layer);
  return layer;
}

Layer empty_layer(std::string_view name, std::string_view type, std::string_view description) {
  json::object document{{"meta", {{"Name", name}, {"Type", type}, {"Description", description}}}};
  Layer layer;
  layer.meta = std::move(read_meta(document).value());
  apply_meta(layer);
  return layer;
}

}  // namespace mullion::packs
