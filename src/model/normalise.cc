#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <cmath>

#include "base/json.h"
#include "base/letters.h"
#include "base/text.h"
#include "env/clock.h"
#include "model/internal/hooks.h"
#include "model/object.h"

namespace mullion::model {
namespace {

using internal::is_empty;

constexpr std::string_view kZeroTime = "0001-01-01T00:00:00Z";

/// The member called `name`, exactly or else in other capitals (what the reference client's decoder accepts).
json::value* find_member(json::object& object, std::string_view name) {
  if (json::value* exact = object.if_contains(name)) return exact;
  for (auto& member : object) {
    if (equal_ignoring_case(member.key(), name)) return &member.value();
  }
  return nullptr;
}

std::string_view field_kind_word(FieldKind kind) {
  switch (kind) {
    case FieldKind::kString:
      return "string";
    case FieldKind::kInteger:
      return "integer";
    case FieldKind::kNumber:
      return "number";
    case FieldKind::kBoolean:
      return "boolean";
    case FieldKind::kArray:
      return "array";
    case FieldKind::kObject:
      return "object";
    case FieldKind::kAny:
      return "any value";
  }
  return "";
}

std::string_view given_word(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "";
}

Error wrong_field(std::string_view where, std::string_view expected, std::string_view got) {
  Error error(ErrorCode::kBadRequest, fmt::format("Field {}: expected {}, got {}", where, expected, got));
  error.field = where;
  return error;
}

Error wrong_kind(std::string_view where, FieldKind expected, const json::value& value) {
  return wrong_field(where, field_kind_word(expected), given_word(value));
}

Error wrong_format(std::string_view where, std::string_view expected, std::string_view text) {
  return wrong_field(where, expected, fmt::format("`{}`", text));
}

Result<json::object> normalise_fields(std::span<const Field> fields, json::object input,
                                      const json::object* before, std::string_view where);

/// The default of a field that was not given.
json::value default_value(const Field& field) {
  if (!field.default_json.empty()) return own_json(field.default_json);
  switch (field.kind) {
    case FieldKind::kString:
      return field.format == "rfc3339" ? json::value(kZeroTime) : json::value("");
    case FieldKind::kInteger:
    case FieldKind::kNumber:
      return 0;
    case FieldKind::kBoolean:
      return false;
    case FieldKind::kArray:
      return json::array();
    case FieldKind::kAny:
      return nullptr;
    case FieldKind::kObject:
      break;
  }
  if (field.nullable) return nullptr;
  const NestedType* nested = field.ref.empty() ? nullptr : find_nested_type(field.ref);
  if (nested == nullptr) return json::object();
  return std::move(*normalise_fields(nested->fields, json::object(), nullptr, field.name));
}

Result<json::value> normalise_kind(FieldKind kind, std::string_view reference, json::value value,
                                   std::string_view where);

Result<json::value> normalise_integer(json::value value, std::string_view where) {
  if (value.is_int64() || value.is_uint64()) return value;
  if (value.is_double() && std::nearbyint(value.get_double()) == value.get_double() &&
      std::abs(value.get_double()) < 9.0e15) {
    return json::value(static_cast<int64_t>(value.get_double()));
  }
  return wrong_kind(where, FieldKind::kInteger, value);
}

Result<json::value> normalise_format(const Field& field, json::value value, std::string_view where);

Result<json::value> normalise_list(const Field& field, json::value value, std::string_view where) {
  if (!value.is_array()) return wrong_kind(where, FieldKind::kArray, value);
  json::array out;
  size_t position = 0;
  for (json::value& item : value.get_array()) {
    const std::string place = fmt::format("{}[{}]", where, position++);
    Result<json::value> done = field.format.empty()
                                   ? normalise_kind(field.item_kind, field.item_ref, std::move(item), place)
                                   : normalise_format(field, std::move(item), place);
    if (!done) return done.error();
    out.push_back(std::move(*done));
  }
  return json::value(std::move(out));
}

Result<json::value> normalise_map(const Field& field, json::value value, std::string_view where) {
  if (!value.is_object()) return wrong_kind(where, FieldKind::kObject, value);
  std::map<std::string, json::value*> sorted;  // a canonical body has its map keys in one order
  for (auto& member : value.get_object()) sorted[member.key()] = &member.value();
  json::object out;
  for (auto& [key, item] : sorted) {
    Result<json::value> done =
        normalise_kind(field.item_kind, field.item_ref, std::move(*item), fmt::format("{}.{}", where, key));
    if (!done) return done.error();
    out.emplace(key, std::move(*done));
  }
  return json::value(std::move(out));
}

/// A value whose kind is known but which is no field by itself: list items, map values, nested objects.
Result<json::value> normalise_kind(FieldKind kind, std::string_view reference, json::value value,
                                   std::string_view where) {
  // An item that is null is one with nothing in it, as the reference server decodes it.
  if (value.is_null() && !reference.empty()) value = json::object();
  const NestedType* nested = reference.empty() ? nullptr : find_nested_type(reference);
  switch (kind) {
    case FieldKind::kAny:
      return value;
    case FieldKind::kInteger:
      return normalise_integer(std::move(value), where);
    case FieldKind::kString:
      if (!value.is_string()) return wrong_kind(where, kind, value);
      return value;
    case FieldKind::kNumber:
      if (!value.is_number()) return wrong_kind(where, kind, value);
      return value;
    case FieldKind::kBoolean:
      if (!value.is_bool()) return wrong_kind(where, kind, value);
      return value;
    case FieldKind::kArray:
      if (!value.is_array()) return wrong_kind(where, kind, value);
      return value;
    case FieldKind::kObject:
      break;
  }
  if (!value.is_object()) return wrong_kind(where, kind, value);
  if (nested == nullptr) return value;
  Result<json::object> done = normalise_fields(nested->fields, std::move(value.get_object()), nullptr, where);
  if (!done) return done.error();
  return json::value(std::move(*done));
}

/// Standard base64 with padding: what clients read into bytes.
bool is_base64(std::string_view text) {
  const size_t digits = text.find_last_not_of('=') + 1;  // none: 0
  const auto is_code = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '/'; };
  return text.size() % 4 == 0 && text.size() - digits <= 2 &&
         std::ranges::all_of(text.substr(0, digits), is_code);
}

/// Texts of a format: empty means unset; UUIDs become lower case.
Result<json::value> normalise_format(const Field& field, json::value value, std::string_view where) {
  if (!value.is_string()) return wrong_kind(where, FieldKind::kString, value);
  const std::string_view text = value.get_string();
  uint32_t address = 0;
  env::WallTime time;
  if (field.format == "uuid") {
    if (!text.empty() && !is_uuid(text)) return wrong_format(where, "a UUID", text);
    for (char& c : value.get_string()) c = lower_case(c);
  } else if (field.format == "ip") {
    if (!text.empty() && !internal::parse_ipv4(text, address))
      return wrong_format(where, "an IPv4 address", text);
  } else if (field.format == "rfc3339") {
    if (text.empty()) return json::value(kZeroTime);
    if (!env::parse_rfc3339(text, time)) return wrong_format(where, "an RFC 3339 time", text);
  } else if (field.format == "base64") {
    if (!is_base64(text)) return wrong_format(where, "base64", text);
  }
  return value;
}

/// Whether a value is of the kind of the field; an empty one of another kind is a mistake, not "absent".
bool of_kind(FieldKind kind, const json::value& value) {
  switch (kind) {
    case FieldKind::kString:
      return value.is_string();
    case FieldKind::kInteger:
    case FieldKind::kNumber:
      return value.is_number();
    case FieldKind::kBoolean:
      return value.is_bool();
    case FieldKind::kArray:
      return value.is_array();
    case FieldKind::kObject:
      return value.is_object();
    case FieldKind::kAny:
      return true;
  }
  return false;
}

bool takes_default(const Field& field, const json::value& value) {
  if (value.is_null()) return !field.nullable;
  return field.fill_empty && is_empty(value) && of_kind(field.kind, value);
}

Result<json::value> normalise_field(const Field& field, json::value value, std::string_view where) {
  if (takes_default(field, value)) return default_value(field);
  if (value.is_null()) return value;
  if (field.kind == FieldKind::kString && !field.format.empty()) {
    return normalise_format(field, std::move(value), where);
  }
  if (field.kind == FieldKind::kArray) return normalise_list(field, std::move(value), where);
  if (field.kind == FieldKind::kObject && field.ref.empty())
    return normalise_map(field, std::move(value), where);
  return normalise_kind(field.kind, field.ref, std::move(value), where);
}

Result<json::object> normalise_fields(std::span<const Field> fields, json::object input,
                                      const json::object* before, std::string_view where) {
  json::object out;
  out.reserve(fields.size());
  for (const Field& field : fields) {
    json::value value;
    json::value* given = field.read_only ? nullptr : find_member(input, field.name);
    if (field.read_only && before != nullptr) {
      const json::value* earlier = before->if_contains(field.name);
      value = earlier != nullptr ? *earlier : default_value(field);
    } else if (given == nullptr) {
      value = default_value(field);
    } else {
      const std::string path =
          where.empty() ? std::string(field.name) : fmt::format("{}.{}", where, field.name);
      Result<json::value> done = normalise_field(field, std::move(*given), path);
      if (!done) return done.error();
      value = std::move(*done);
    }
    if (field.omit_empty && is_empty(value)) continue;
    out.emplace(field.name, std::move(value));
  }
  return out;
}

bool is_field(const ObjectType& type, std::string_view name) {
  return std::ranges::any_of(type.fields,
                             [name](const Field& field) { return equal_ignoring_case(field.name, name); });
}

/// Members beside the fields, in one order; Endpoint is no part of any object.
std::map<std::string_view, const json::value*> free_members(const ObjectType& type,
                                                            const json::object& object) {
  std::map<std::string_view, const json::value*> out;
  if (!type.traits.free_form) return out;
  for (const auto& member : object) {
    if (member.key() != "Endpoint" && !is_field(type, member.key())) out[member.key()] = &member.value();
  }
  return out;
}

}  // namespace

Result<json::object> normalise(const ObjectType& type, json::value input, const json::object* before) {
  if (!input.is_object()) {
    return Error(ErrorCode::kBadRequest,
                 fmt::format("expected an object of {}, got {}", type.prefix, given_word(input)));
  }
  json::object free;
  for (const auto& [name, value] : free_members(type, input.get_object())) free.emplace(name, *value);
  Result<json::object> out = normalise_fields(type.fields, std::move(input.get_object()), before, "");
  if (!out) return out;
  for (auto& member : free) out->emplace(member.key(), std::move(member.value()));
  return out;
}

Result<json::object> normalise_nested(std::string_view name, json::value input) {
  if (!input.is_object()) {
    return Error(ErrorCode::kBadRequest,
                 fmt::format("expected an object {}, got {}", name, given_word(input)));
  }
  return normalise_fields(find_nested_type(name)->fields, std::move(input.get_object()), nullptr, "");
}

std::string canonical_body(const ObjectType& type, const json::object& object) {
  std::string out = "{";
  for (const Field& field : type.fields) {
    const json::value* value = object.if_contains(field.name);
    const bool empty = field.secret || value == nullptr || is_empty(*value);
    if (field.omit_empty && empty) continue;
    if (out.size() > 1) out.push_back(',');
    out.append("\"").append(field.name).append("\":");
    if (field.secret) {
      out.append("\"\"");
    } else {
      append_json(out, value == nullptr ? default_value(field) : *value);
    }
  }
  for (const auto& [name, value] : free_members(type, object)) {
    if (out.size() > 1) out.push_back(',');
    out.append(json::serialize(json::string_view(name))).push_back(':');
    append_json(out, *value);
  }
  out.push_back('}');
  return out;
}

json::object take_secrets(const ObjectType& type, json::object& object) {
  json::object out;
  for (const Field& field : type.fields) {
    if (!field.secret) continue;
    json::value* value = object.if_contains(field.name);
    if (value == nullptr) continue;
    if (!is_empty(*value)) out.emplace(field.name, std::move(*value));
    *value = "";
  }
  return out;
}

}  // namespace mullion::model
