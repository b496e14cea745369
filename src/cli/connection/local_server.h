// Who listens on this computer.
#pragma once

#include <cstdint>
#include <string_view>

namespace mullion::cli {

/// "localhost" or a loopback address.
bool is_loopback(std::string_view host);

/// Whether everybody who listens at `port` of this computer is a process of this very program that root or
/// the caller runs. Nobody else can pretend that, so such a server needs no certificate to be known.
bool serves_here(uint16_t port);

}  // namespace mullion::cli
