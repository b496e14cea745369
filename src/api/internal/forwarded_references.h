// References in writes that another endpoint carries out.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// The owner resolves the names in a write with this server's login, and most of what they may name (content
/// packs) is not here to be compared. So whoever may not read everything that a member could refer to may not
/// write that member elsewhere. Reads the body; `replayed` holds it for the owner, and is the request's body
/// from then on. kForbidden naming the right that is missing.
env::Task<Result<void>> check_forwarded_references(Call& call, net::BodySourcePtr& replayed);

}  // namespace mullion::api
