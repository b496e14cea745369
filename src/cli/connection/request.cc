#include "cli/connection/request.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/documents/document.h"
#include "model/object.h"
#include "net/http.h"

namespace mullion::cli {

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

Error error_from_answer(int status, std::string_view body, const net::Headers& headers) {
  Result<json::value> parsed = model::parse_json(body);
  Error error(ErrorCode::kInternal, "");
  error.status_override = status;
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr || !object->contains("Messages")) {
    if (const auto reason = headers.get("X-Mullion-Error"); body.empty() && reason) {
      error.messages = {std::string(*reason)};
      return error;
    }
    error.type = kClientError;
    error.messages = {body.empty() ? fmt::format("HTTP status {}", status)
                                   : std::string(body.substr(0, 2000))};
    return error;
  }
  error.type = text_member(*parsed, "Type");
  error.model = text_member(*parsed, "Model");
  error.key = text_member(*parsed, "Key");
  error.messages = texts_member(*parsed, "Messages");
  return error;
}

}  // namespace mullion::cli
