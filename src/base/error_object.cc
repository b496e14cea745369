#include "base/error_object.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "base/json.h"
#include "base/text.h"

namespace mullion {
namespace {

namespace json = boost::json;

/// Of one text of an error, and about how much of all its messages: what strangers wrote is repeated in many
/// of them, and whoever asks has it already.
constexpr size_t kLongestText = size_t{128} << 10;
constexpr size_t kLongestMessages = 4 * kLongestText;

std::string_view cut(std::string_view text) {
  if (text.size() <= kLongestText) return text;
  size_t end = kLongestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // between characters
  return text.substr(0, end);
}

std::string shown(std::string_view text) {
  const std::string_view kept = cut(text);
  std::string out = is_valid_utf8(kept) ? std::string(kept) : std::string(cut(escaped(kept)));
  if (kept.size() < text.size()) out += "...";
  return out;
}

json::array shown_messages(const std::vector<std::string>& messages) {
  json::array out;
  size_t bytes = 0;
  for (const std::string& message : messages) {
    if (bytes > kLongestMessages) {
      out.emplace_back("and " + std::to_string(messages.size() - out.size()) + " more");
      break;
    }
    out.emplace_back(shown(message));
    bytes += out.back().get_string().size();
  }
  return out;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

json::object error_object(const Error& error) {
  json::object out{{"Model", shown(error.model)}, {"Key", shown(error.key)}, {"Type", shown(error.type)}};
  out["Messages"] = shown_messages(error.messages);
  out["Code"] = error.status();
  if (!error.field.empty()) out["Field"] = shown(error.field);
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
