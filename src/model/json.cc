#include <boost/json.hpp>

#include "model/object.h"

namespace mullion::model {

Result<json::value> parse_json(std::string_view text, size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  boost::system::error_code failure;
  json::parser parser({}, options);
  const size_t used = parser.write_some(text.data(), text.size(), failure);
  if (!failure && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
    return Error(ErrorCode::kBadRequest, fmt::format("invalid JSON at byte {}: text after the value", used));
  }
  if (failure) {
    return Error(ErrorCode::kBadRequest, fmt::format("invalid JSON at byte {}: {}", used, failure.message()));
  }
  return parser.release();
}

void append_with_endpoint(std::string& out, std::string_view body, std::string_view endpoint) {
  if (body.size() < 2 || body.front() != '{') {
    out.append(body);
    return;
  }
  out.append("{\"Endpoint\":").append(json::serialize(json::string_view(endpoint)));
  if (body[1] != '}') out.push_back(',');
  out.append(body.substr(1));
}

}  // namespace mullion::model
