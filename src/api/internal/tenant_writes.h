// Objects of tenants that other owners create.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// The answer of a creation at another owner, given back once the new object has joined the caller's tenant
/// here. The object exists at its owner whatever becomes of that: a failure says so.
env::Task<Result<net::Response>> join_forwarded(Call& call, net::Response answer);

}  // namespace mullion::api
