// A way through a proxy (RFC 9110, 9.3.6).
#pragma once

#include "net/internal/client_pool.h"

namespace mullion::net::internal {

/// Asks the proxy at the other end of `stream` for a connection to `to`; afterwards `stream` leads there.
/// kUnreachable with what the proxy answered.
Task<Result<void>> open_tunnel(Stream& stream, const Origin& to, Deadline deadline);

}  // namespace mullion::net::internal
