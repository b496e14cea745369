// GET /info and the record `state` of the replication stream.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// The whole Info object; its counts are of what exists for the caller.
boost::json::object info_object(const Services& services, const auth::Principal& principal);
/// manager::StateProvider: info without what changes with every object, components, preferences without
/// secrets, parameters of profile `global`, plugins, licence.
std::string state_text(const Services& services);

}  // namespace mullion::api
