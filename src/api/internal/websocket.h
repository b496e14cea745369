// Event websockets, and websockets of other endpoints passed through.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// Opens `target` at `owner` and joins both conversations; failures are answered before the handshake. With
/// `events` what comes from there are events, and those the caller may not see are left out.
env::Task<Result<net::Response>> forward_websocket(Call& call, std::string owner, std::string target,
                                                   bool events);

}  // namespace mullion::api
