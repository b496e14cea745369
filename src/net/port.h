// A listening port as one that strangers connect to: what they may hold of it, and how it fares.
#pragma once

#include "net/http.h"

namespace mullion::net {

/// Limits on what one peer may hold, beside those on everything it sends (ServerLimits).
struct PeerLimits {
  size_t max_connections_per_address = 1024;   // an address of IPv6 is its /64
  size_t max_connections_of_loopback = 20000;  // instead, for this machine
  size_t max_handshakes = 4096;                // TLS handshakes in progress, of all peers
  size_t max_handshakes_per_address = 256;     // not of this machine
  /// Bytes per second that a peer at least sends of a body and takes of an answer or of websocket messages,
  /// over each ServerLimits::body_timeout spent waiting for it. 0: any pace will do.
  uint64_t least_rate = 1024;
};

/// The connections of a port: now, and since it listens.
struct ConnectionStatistics {
  size_t open = 0;
  size_t handshakes = 0;            // TLS handshakes in progress
  uint64_t refused = 0;             // the port had too many
  uint64_t refused_of_address = 0;  // their address had too many
  uint64_t refused_handshakes = 0;
  uint64_t cut = 0;  // their peers took or sent too slowly
};

class Port : public Server {
 public:
  virtual ConnectionStatistics statistics() const = 0;
};
/// As listen() of http.h, whose ports have the limits of PeerLimits().
Result<std::unique_ptr<Port>> listen(env::Runtime& runtime, ListenOptions options, PeerLimits peers,
                                     Handler handler);

}  // namespace mullion::net
