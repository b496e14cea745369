// Unix sockets in place of TCP: the same streams over another kind of descriptor.
#pragma once

#include <string>

#include "base/result.h"

namespace mullion::net::internal {

/// A non-blocking descriptor that is connected to `path`. kUnreachable when nobody listens there.
Result<int> connect_unix(const std::string& path);

/// A non-blocking descriptor that listens at `path`, for this user only. Takes the place of a socket that
/// nobody listens on any more. kConflict when somebody does, or when something else has this name.
Result<int> listen_unix(const std::string& path);

/// True when the descriptor is a Unix socket: its peers have no addresses.
bool is_unix_socket(int descriptor);

}  // namespace mullion::net::internal
