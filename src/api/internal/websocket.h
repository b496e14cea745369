// Event websockets, and websockets of other endpoints passed through.
#pragma once

#include <optional>
#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// Opens `target` at `owner` and joins both conversations; failures are answered before the handshake. With
/// `events_of` what comes from there are events of that endpoint, and those the caller may not see are left
/// out. Ends with the caller's rights.
env::Task<Result<net::Response>> forward_websocket(Call& call, std::string owner, std::string target,
                                                   std::optional<std::string> events_of);

}  // namespace mullion::api
