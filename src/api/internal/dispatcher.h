// The way of every request: authentication, route, object, rights, owner, handler, answer.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Answers one request of the API port.
env::Task<net::Response> dispatch(Services& services, net::Request& request);
/// The same for a request that this server makes in the name of a caller who is known already. Without an
/// owner in its path it is about this server's objects alone.
env::Task<net::Response> dispatch_as(Services& services, net::Request& request, auth::Principal principal);

}  // namespace mullion::api
