// Objects of tenants: what a tenant's users create joins the tenant.
#pragma once

#include "auth/auth.h"
#include "objects/context.h"

namespace mullion::objects {

/// Adds to the batch that creates the object the change of the caller's tenant, when it has one that
/// restricts the collection.
Result<void> join_own_tenant(const store::Snapshot& snapshot, const auth::Principal& principal,
                             const auth::Identity& object, store::Batch& batch);

/// The same for an object that another owner has created, as a write of its own.
env::Task<Result<void>> join_own_tenant_now(Context& context, const auth::Principal& principal,
                                            const model::ObjectType& type, std::string owner,
                                            std::string key);

}  // namespace mullion::objects
