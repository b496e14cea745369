// Who sends a request.
#pragma once

#include <string_view>

#include "auth/auth.h"
#include "base/log.h"
#include "net/http.h"

namespace mullion::api {

inline constexpr std::string_view kProtocolHeader = "Sec-WebSocket-Protocol";
/// What the answer to a browser's websocket names, beside whose token it offers: one that names none of those
/// offered ends the connection.
inline constexpr std::string_view kSubProtocol = "mullion.v1";
bool offers_sub_protocol(const net::Request& request);

/// Names under which websockets of other clients may log in by their query, where proxies log it.
bool is_login(std::string_view name);

/// kUnauthorized, kTooManyRequests, kUnavailable. Passwords are checked on threads for that; `log` is what
/// lines written meanwhile are about.
env::Task<Result<auth::Principal>> authenticate(auth::Authenticator& authenticator,
                                                const net::Request& request, const LogOrigin& log);

}  // namespace mullion::api
