// The server process: puts the rooms together in start order, and takes them apart in reverse.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "settings/settings.h"

namespace mullion::server {

/// One running server. Several may live in one process (tests), each with its own base root.
class Server {
 public:
  virtual ~Server() = default;
  /// Ports in use, for settings that asked for any.
  virtual uint16_t api_port() const = 0;
  virtual uint16_t metrics_port() const = 0;
  virtual const std::string& id() const = 0;
  /// Graceful, within two seconds; everything answered is durable. Idempotent.
  virtual void stop() = 0;
};

/// Starts everything. Errors: kConflict when the base root or a port is in use (naming process, port and
/// flag), kInvalid for settings that make no sense.
Result<std::unique_ptr<Server>> start(const settings::Settings& settings);

/// `mullion serve ARGUMENTS`: runs until SIGTERM or SIGINT; the process's exit code.
int run(const std::vector<std::string>& arguments);

}  // namespace mullion::server
