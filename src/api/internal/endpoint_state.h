// What this endpoint reports of itself to managers: the record `state` of the replication stream.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// manager::StateProvider: info without what changes with every object, components, preferences without
/// secrets, parameters of profile `global`, plugins, licence.
std::string state_text(const Services& services);

}  // namespace mullion::api
