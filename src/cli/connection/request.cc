#include "cli/connection/request.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/documents/document.h"
#include "model/object.h"
#include "net/http.h"

namespace mullion::cli {

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
