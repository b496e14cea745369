// The secret field of an object for those who may see it.
#pragma once

#include "api/internal/call.h"
#include "objects/rights.h"
#include "objects/shown_secrets.h"

namespace mullion::api {

/// What objects::visible_secret() shows to a principal by its claims.
inline std::string visible_secret(const auth::Principal& principal, const store::Snapshot& snapshot,
                                  const model::ObjectType& type, const Target& target) {
  return objects::visible_secret(principal, objects::PrincipalRights(principal, ""), snapshot, type, target);
}

/// The same as the object's newest commit has it. Most types have no such field: no view is opened for them.
inline std::string visible_secret(const auth::Principal& principal, const store::Store& store,
                                  const model::ObjectType& type, const Target& target) {
  if (objects::shown_secret_field(type).empty()) return {};
  return visible_secret(principal, *store.snapshot(), type, target);
}

}  // namespace mullion::api
