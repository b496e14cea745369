// References that a write makes, resolved with the rights of whoever writes.
#pragma once

#include "api/internal/call.h"
#include "api/internal/lookup.h"

namespace mullion::api {

/// Hides what the caller may not read from the validation of a write that names it anew: such an object does
/// not exist then. What `before` (null for a creation) named already stays; so does what is reached through
/// other objects, since the caller does not name it. The arguments must outlive the result.
Hides hides_new_references(const Call& call, const boost::json::object* before,
                           const boost::json::object& after);

}  // namespace mullion::api
