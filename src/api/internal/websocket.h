// Event websockets, and websockets of other endpoints passed through.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// Opens `target` at `owner` and joins both conversations; failures are answered before the handshake.
env::Task<Result<net::Response>> forward_websocket(Call& call, std::string owner, std::string target);

}  // namespace mullion::api
