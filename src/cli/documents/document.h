// Values that people write and read: their members, sorted JSON, merges and patches.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

namespace json = boost::json;

/// A member of an object; nullptr when `value` is no object or has none of this name.
const json::value* member(const json::value& value, std::string_view name);
/// Its text; "" when it is absent or no text.
std::string text_member(const json::value& value, std::string_view name);
/// Its number; 0 when it is absent or no whole number from 0 on.
uint64_t count_member(const json::value& value, std::string_view name);
/// Its texts; empty when it is absent or no list.
std::vector<std::string> texts_member(const json::value& value, std::string_view name);

/// A value on a command line: JSON when it is JSON, else the text itself.
json::value scalar_argument(std::string_view text);

/// Two blanks of indentation, sorted keys, [] and {} for what is empty, no newline at the end.
std::string pretty_json(const json::value& value);

/// `changes` folded into `base`: maps merge recursively, null removes a key, everything else replaces.
json::value merge(json::value base, const json::value& changes);

/// RFC 6902 operations that turn `before` into `after`, each preceded by a test of the value it changes.
json::array make_patch(const json::value& before, const json::value& after);
/// Same, with one test of the whole of `before` in front instead.
json::array make_paranoid_patch(const json::value& before, const json::value& after);

/// One operation in the shape of the contract.
json::object patch_operation(std::string_view operation, std::string_view path, const json::value& value);

}  // namespace mullion::cli
