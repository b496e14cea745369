// Errors as the JSON object that the API answers with.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace mullion {

/// {"Model","Key","Type","Messages","Code"}, and "Field" when there is one. What is no UTF-8 is escaped:
/// errors quote what was sent.
boost::json::object error_object(const Error& error);

/// What such an object says, with code kInternal, and its Code as `status_override` when it is that of a
/// refusal. Absent when `text` is none, for want of Messages.
std::optional<Error> read_error_object(std::string_view text);

}  // namespace mullion
