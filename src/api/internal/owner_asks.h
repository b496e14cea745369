// Rights that are asked by whoever carries a request out, when that is another endpoint.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Whether `action` is allowed on every object of a collection, and the caller's tenant hides none of them.
bool may_all(const auth::Principal& principal, std::string_view scope, std::string_view action);

/// What carrying a request out takes beyond the right of its route (`asks` of the route and of its type) is
/// asked where it is carried out. An owner elsewhere asks it of this server's login, which may everything; so
/// a request goes there only when the caller has it for all objects. kForbidden naming what is missing.
Result<void> authorise_owner_asks(const Call& call);

}  // namespace mullion::api
