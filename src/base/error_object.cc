#include "base/error_object.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "base/json.h"
#include "base/text.h"

namespace mullion {
namespace {

namespace json = boost::json;

std::string utf8_of(std::string_view text) { return is_valid_utf8(text) ? std::string(text) : escaped(text); }

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

json::object error_object(const Error& error) {
  json::array messages;
  for (const std::string& message : error.messages) messages.emplace_back(utf8_of(message));
  json::object out{
      {"Model", utf8_of(error.model)}, {"Key", utf8_of(error.key)}, {"Type", utf8_of(error.type)}};
  out["Messages"] = std::move(messages);
  out["Code"] = error.status();
  if (!error.field.empty()) out["Field"] = utf8_of(error.field);
  return out;
}

std::optional<Error> read_error_object(std::string_view text) {
  const Result<json::object> object = parse_json_object(text);
  const json::value* messages = object ? object->if_contains("Messages") : nullptr;
  if (messages == nullptr) return std::nullopt;
  Error error;
  error.model = text_in(*object, "Model");
  error.key = text_in(*object, "Key");
  error.type = text_in(*object, "Type");
  const json::value* code = object->if_contains("Code");
  const int64_t status = code != nullptr && code->is_int64() ? code->get_int64() : 0;
  if (status >= 400 && status <= 599) error.status_override = static_cast<int>(status);
  if (!messages->is_array()) return error;
  for (const json::value& message : messages->get_array())
    error.messages.push_back(message.is_string() ? std::string(message.get_string())
                                                 : json::serialize(message));
  return error;
}

}  // namespace mullion
