// The way of every request: authentication, route, object, rights, owner, handler, answer.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Answers one request of the API port.
env::Task<net::Response> dispatch(Services& services, net::Request& request);

}  // namespace mullion::api
