// What a plain (unquoted) scalar stands for, and which texts may be written as one. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace mullion::yaml {

/// YAML 1.1 by the rules of drpcli (yaml.v2): null, booleans with yes, no, on and off, whole numbers of base
/// 2, 8, 10 and 16 with underscores, fractions, else the text. Absent for infinity and not-a-number, which
/// JSON has not.
std::optional<boost::json::value> plain_value(std::string_view text);

/// Whether every reader, of YAML 1.1 or 1.2, takes the unquoted text for this text, also as a key.
bool is_safe_plain(std::string_view text);

/// Between double quotes, with escapes for all that some reader changes or refuses.
std::string quoted(std::string_view text);

/// Whether a literal block (`|`) holds the text unchanged.
bool fits_literal_block(std::string_view text);

}  // namespace mullion::yaml
