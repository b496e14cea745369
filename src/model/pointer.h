// JSON pointers (RFC 6901): how members are named in patches, rights and histories.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::model {

/// `name` as one part of a pointer: `~` is `~0`, `/` is `~1`.
std::string pointer_part(std::string_view name);

/// Pointers of the members that differ, as deep as both sides are objects, in order of names; lists are
/// compared as wholes. What the server keeps by itself (is_bookkeeping) is left out: whoever may change
/// anything may cause that to change.
std::vector<std::string> changed_pointers(const boost::json::object& before,
                                          const boost::json::object& after);

}  // namespace mullion::model
