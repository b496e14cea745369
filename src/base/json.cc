#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>

namespace mullion {

namespace json = boost::json;

namespace {

/// Numbers that are too large for a double arrive as infinity, which no JSON text can say again.
bool is_finite(const json::value& value) {
  if (const double* number = value.if_double()) return std::isfinite(*number);
  if (const json::array* array = value.if_array()) return std::ranges::all_of(*array, is_finite);
  if (const json::object* object = value.if_object()) {
    return std::ranges::all_of(*object, [](const auto& member) { return is_finite(member.value()); });
  }
  return true;
}

}  // namespace

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
  json::value value = parser.release();
  if (!is_finite(value)) return Error(ErrorCode::kBadRequest, "invalid JSON: number out of range");
  return value;
}

Result<json::object> parse_json_object(std::string_view text, size_t max_depth) {
  Result<json::value> value = parse_json(text, max_depth);
  if (!value) return value.error();
  if (!value->is_object()) return Error(ErrorCode::kBadRequest, "this is no JSON object");
  return std::move(value->get_object());
}

json::value own_json(std::string_view text) {
  Result<json::value> value = parse_json(text);
  if (!value) throw std::logic_error(value.error().messages.front() + " in text of this program");
  return std::move(*value);
}

}  // namespace mullion
