// Reading members of JSON objects that others wrote.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace mullion::versionset {

namespace json = boost::json;

/// An empty one when `text` is no JSON object.
json::object parse_object(std::string_view text);
/// "" when the member is missing or no string.
std::string text_member(const json::object& object, std::string_view name);
/// False when the member is missing or no boolean.
bool flag_member(const json::object& object, std::string_view name);
/// An empty one when the member is missing or of another kind.
const json::object& object_member(const json::object& object, std::string_view name);
const json::array& list_member(const json::object& object, std::string_view name);

/// Whether it is what sealing makes: exactly Key, Nonce and Payload.
bool is_sealed(const json::value& value);
/// Lower case.
std::string lower(std::string_view text);
/// 64 lower-case hexadecimal digits.
bool is_sha256(std::string_view text);

}  // namespace mullion::versionset
