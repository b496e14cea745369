// JSON text as values: the one place where it is read.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace mullion {

/// Parses JSON text from outside. Limits nesting to `max_depth`. kBadRequest with position on failure;
/// trailing garbage, invalid UTF-8 and numbers that no double can hold are refused.
Result<boost::json::value> parse_json(std::string_view text, size_t max_depth = 64);

/// The same of text that is an object; kBadRequest also when it is something else.
Result<boost::json::object> parse_json_object(std::string_view text, size_t max_depth = 64);

/// Of text that this program made a moment ago or was built with: throws std::logic_error, which nobody
/// expects.
boost::json::value own_json(std::string_view text);

/// What `read` makes of a JSON object that was written by a server: `read` may leave it to at(), as_string()
/// and the like to throw when a member is absent or of another kind. kCorrupt "WHAT cannot be read: why".
template <typename Read>
ResultOf<std::invoke_result_t<Read, const boost::json::object&>> read_json(std::string_view text,
                                                                           std::string_view what, Read read) {
  const Result<boost::json::object> object = parse_json_object(text);
  if (!object)
    return Error(ErrorCode::kCorrupt,
                 std::string(what) + " cannot be read: " + object.error().messages.front());
  try {
    return read(*object);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kCorrupt, std::string(what) + " cannot be read: " + failure.what());
  }
}

}  // namespace mullion
