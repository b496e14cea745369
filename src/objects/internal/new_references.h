// References that a write makes, resolved with the rights of whoever writes.
#pragma once

#include "objects/caller.h"
#include "objects/lookup.h"

namespace mullion::objects {

/// Names that a write brings and that lead to nothing the caller may read: collection and key.
using Unresolved = std::vector<std::pair<std::string, std::string>>;

/// Hides what the caller may not read from the validation of a write that names it anew: such an object does
/// not exist then. `wanted` is what the client wrote. What `before` (null for a creation) named already
/// stays; so does what is reached through other objects, and what the server fills in, since the caller does
/// not name it. Adds to `unresolved` what is named anew and hidden or missing: the one must not be told from
/// the other. The arguments must outlive the result; null for callers that may read everything.
Shows shows_to_writer(const Caller& caller, const boost::json::object* before,
                      const boost::json::value& wanted, Unresolved& unresolved);

}  // namespace mullion::objects
