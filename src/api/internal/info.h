// GET /info.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// The whole Info object; its counts are of what exists for the caller.
boost::json::object info_object(const Services& services, const auth::Principal& principal);
/// What does not change while the process runs, except the manager flag and what is wrong.
boost::json::object identity(const Services& services);
/// The licence bundle in force.
boost::json::value licence_of(const Services& services);

}  // namespace mullion::api
