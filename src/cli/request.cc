#include "cli/request.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "model/object.h"
#include "net/http.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

std::vector<std::string> json_strings(const json::value* value) {
  std::vector<std::string> texts;
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& item : value->get_array()) {
    texts.emplace_back(item.is_string() ? std::string(item.get_string()) : json::serialize(item));
  }
  return texts;
}

std::string json_text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string api_path(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) {
    std::string_view rest = part;
    while (rest.starts_with('/')) rest.remove_prefix(1);
    if (!path.empty()) path += '/';
    while (true) {
      const size_t slash = rest.find('/');
      path += net::percent_encode(rest.substr(0, slash));
      if (slash == std::string_view::npos) break;
      path += '/';
      rest.remove_prefix(slash + 1);
    }
  }
  return path;
}

std::string query_text(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string text;
  for (const auto& [name, value] : items) {
    text += text.empty() ? '?' : '&';
    text += net::percent_encode(name) + "=" + net::percent_encode(value);
  }
  return text;
}

Error error_from_answer(int status, std::string_view body) {
  Result<json::value> parsed = model::parse_json(body);
  Error error(ErrorCode::kInternal, "");
  error.status_override = status;
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr || !object->contains("Messages")) {
    error.type = "CLIENT_ERROR";
    error.messages = {body.empty() ? fmt::format("HTTP status {}", status)
                                   : std::string(body.substr(0, 2000))};
    return error;
  }
  error.type = json_text(*object, "Type");
  error.model = json_text(*object, "Model");
  error.key = json_text(*object, "Key");
  error.messages = json_strings(object->if_contains("Messages"));
  return error;
}

}  // namespace mullion::cli
