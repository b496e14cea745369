// YAML documents as JSON values.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"

namespace mullion::content {

/// Core-schema scalars (null, booleans, numbers), quoted text stays text. Bounded in size, depth and number
/// of nodes after aliases are expanded. kBadRequest with the place of the problem.
Result<boost::json::value> parse_yaml(std::string_view text);
/// JSON when the text begins with '{', YAML otherwise.
Result<boost::json::value> parse_document(std::string_view text);

}  // namespace mullion::content
