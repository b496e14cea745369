// Documents that people and tools write, YAML 1.1 or JSON, as JSON values, and JSON values as YAML.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::yaml {

namespace json = boost::json;

/// The one document of `text`: JSON when it is JSON, else YAML as drpcli understands it (docs/yaml.md). An
/// empty text is null. Errors tell line and reason. kBadRequest: it is no YAML. kInvalid: something of it
/// would be lost: a second document, a member that stands twice in one mapping, a tag or number that JSON
/// cannot say. kTooLarge: beyond the bounds on size, depth, values, and what aliases make.
Result<json::value> read(std::string_view text);

/// Every document of a text, between lines of `---`; empty ones are left out. Errors of read().
Result<std::vector<json::value>> read_all(std::string_view text);

/// Block style, sorted keys, a line end at the end. What this prints is read back equal by read(), by
/// YAML 1.1 readers and by YAML 1.2 readers: texts that any of them would take for something else are quoted.
std::string write(const json::value& value);

}  // namespace mullion::yaml
