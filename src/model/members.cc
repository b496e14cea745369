#include "model/members.h"

#include "base/json.h"
#include "model/object.h"

namespace mullion::model {

namespace json = boost::json;

namespace {

constexpr size_t kDepth = 256;

}  // namespace

json::object parse_object(std::string_view text) {
  Result<json::value> parsed = parse_json(text, kDepth);
  if (!parsed || !parsed->is_object()) return {};
  return std::move(parsed->get_object());
}

std::optional<json::object> read_object(std::string_view text) {
  Result<json::value> parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<uint64_t> count_of(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  boost::system::error_code failure;
  const auto count = value.to_number<uint64_t>(failure);
  return failure ? std::nullopt : std::optional(count);
}

uint64_t count_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? 0 : count_of(*value).value_or(0);
}

bool flag_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string> texts_member(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  for (const json::value& item : list_member(object, name)) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
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

}  // namespace mullion::model
