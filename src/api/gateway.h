// The door of a member of a cluster: requests are answered here while this member serves, else passed on to
// the one that does.
#pragma once

#include <memory>

#include "api/api.h"

namespace mullion::api {

struct GatewayDependencies {
  env::Runtime& runtime;
  store::Store& store;
  auth::Authenticator& authenticator;
  cluster::Cluster& cluster;
  Facts facts;
  Limits limits;
  const env::Clock& clock;
  const env::Timers& timers;
  env::Duration hold = std::chrono::seconds(3);  // how long a request waits for somebody who serves
};

/// Thread-safe. What every member answers about itself (docs/high-availability.md) it answers itself.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// From now on this member can serve; `api` must outlive the gateway's requests.
  virtual void serve_with(Api& api) = 0;
  virtual void set_ports(uint16_t api, uint16_t static_plain, uint16_t static_secure) = 0;
  /// One request of the API port. Never throws.
  virtual Task<net::Response> handle(net::Request& request) = 0;
  /// One request of a port of files.
  virtual Task<net::Response> handle_static(net::Request& request) = 0;
  /// "https://ADDRESS:PORT" of the API port, and the same of the port of files.
  virtual std::string api_url() const = 0;
  virtual std::string static_url() const = 0;
  /// Ends conversations that are passed on.
  virtual Task<void> stop() = 0;
};
std::unique_ptr<Gateway> make_gateway(GatewayDependencies dependencies);

}  // namespace mullion::api
