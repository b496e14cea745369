// Objects of tenants: what a tenant's users create joins the tenant.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Adds to the batch that creates (call.type, call.owner, key) the change of the caller's tenant, when it has
/// one that restricts the collection.
Result<void> join_own_tenant(const Call& call, const store::Snapshot& snapshot, const std::string& key,
                             store::Batch& batch);

/// The answer of a creation at another owner, given back once the new object has joined the caller's tenant
/// here. The object exists at its owner whatever becomes of that: a failure says so.
env::Task<Result<net::Response>> join_forwarded(Call& call, net::Response answer);

}  // namespace mullion::api
