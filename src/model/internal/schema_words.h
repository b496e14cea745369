// The parts of JSON Schema that are not left to the validating library.
#pragma once

#include <optional>
#include <string>

#include "model/object.h"

namespace mullion::model::internal {

/// Why `schema` must not be given to the library; absent: it may. Refuses references to other documents,
/// references that lead back to themselves without going into the value (they never end), and patterns that
/// are no RE2 expressions.
std::optional<std::string> schema_trouble(const json::value& schema);

/// `schema` without `pattern` and `format`: the library checks them with std::regex, which overflows the
/// stack on long texts.
json::value without_patterns(const json::value& schema);

/// The findings whose wording clients compare (wrong type, missing property), and patterns. Walks schema and
/// value together; absent when it found nothing.
std::optional<std::string> worded_finding(const json::value& schema, const json::value& value);

}  // namespace mullion::model::internal
