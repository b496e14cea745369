// Reading members of JSON objects that others wrote: what is missing or of another kind reads as nothing.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::model {

/// An empty one when `text` is no JSON object.
boost::json::object parse_object(std::string_view text);
/// Absent when it is none.
std::optional<boost::json::object> read_object(std::string_view text);
/// "" when the member is missing or no string.
std::string text_member(const boost::json::object& object, std::string_view name);
/// False when the member is missing or no boolean.
bool flag_member(const boost::json::object& object, std::string_view name);
/// Absent unless it is a whole number from 0 on: the conversions of the library throw at all others.
std::optional<uint64_t> count_of(const boost::json::value& value);
/// 0 when the member is missing or no such number.
uint64_t count_member(const boost::json::object& object, std::string_view name);
/// The texts of a list; what is none is passed over.
std::vector<std::string> texts_member(const boost::json::object& object, std::string_view name);
/// An empty one when the member is missing or of another kind.
const boost::json::object& object_member(const boost::json::object& object, std::string_view name);
const boost::json::array& list_member(const boost::json::object& object, std::string_view name);

}  // namespace mullion::model
