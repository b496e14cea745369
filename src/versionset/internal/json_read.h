// Reading members of JSON objects that others wrote.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "model/members.h"

namespace mullion::versionset {

namespace json = boost::json;

using model::flag_member;
using model::list_member;
using model::object_member;
using model::parse_object;
using model::text_member;
using model::texts_member;

/// Whether it is what sealing makes: exactly Key, Nonce and Payload.
bool is_sealed(const json::value& value);
/// Lower case.
std::string lower(std::string_view text);
/// 64 lower-case hexadecimal digits.
bool is_sha256(std::string_view text);

}  // namespace mullion::versionset
