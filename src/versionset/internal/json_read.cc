#include "versionset/internal/json_read.h"

#include <algorithm>
#include <cctype>

#include "model/object.h"

namespace mullion::versionset {

json::object parse_object(std::string_view text) {
  Result<json::value> parsed = model::parse_json(text, 256);
  if (!parsed || !parsed->is_object()) return {};
  return std::move(parsed->get_object());
}

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool flag_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object& object_member(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

const json::array& list_member(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

bool is_sealed(const json::value& value) {
  if (!value.is_object() || value.get_object().size() != 3) return false;
  return std::ranges::all_of(value.get_object(), [](const json::key_value_pair& member) {
    const std::string_view name = member.key();
    return member.value().is_string() && (name == "Key" || name == "Nonce" || name == "Payload");
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace mullion::versionset
