// Requests to one endpoint, through the manager that knows the way.
#pragma once

#include <memory>
#include <string>

#include "client/api.h"
#include "manager/manager.h"

namespace mullion::manager {

/// The narrow way to one endpoint. Thread-safe.
class EndpointCalls : public client::Api {
 public:
  /// Whether it is a server of another make: what only Mullion knows (leases, uploads in pieces) is not asked
  /// of it.
  virtual bool is_foreign() const { return false; }
};
std::unique_ptr<EndpointCalls> calls_through(Manager& manager, std::string endpoint);

}  // namespace mullion::manager
