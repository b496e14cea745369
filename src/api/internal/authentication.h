// Who sends a request.
#pragma once

#include <string_view>

#include "auth/auth.h"
#include "base/log.h"
#include "net/http.h"

namespace mullion::api {

/// Names under which websockets may log in by their query: a browser cannot set headers for them.
bool is_login(std::string_view name);

/// kUnauthorized, kTooManyRequests, kUnavailable. Passwords are checked on threads for that; `log` is what
/// lines written meanwhile are about.
env::Task<Result<auth::Principal>> authenticate(auth::Authenticator& authenticator,
                                                const net::Request& request, const LogOrigin& log);

}  // namespace mullion::api
