// What this endpoint reports of itself to managers: the record `state` of the replication stream.
#pragma once

#include "api/internal/call.h"
#include "model/messages.h"

namespace mullion::api {

/// Info without what changes with every object; preferences without secrets.
model::EndpointState endpoint_state(const Services& services);

}  // namespace mullion::api
