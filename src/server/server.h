// The server process: puts the rooms together in start order, and takes them apart in reverse.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/self.h"
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
  /// Graceful, within two seconds; everything answered is durable. Idempotent. Answers false when something
  /// still runs after ten: then nothing was freed, and the process has to end or become another program. The
  /// destructor ends it.
  virtual bool stop() = 0;
};

/// What a server needs to know to make place for another program. Without it upgrades are refused.
struct Restart {
  env::ProcessImage image;             // this process as it was started
  std::vector<std::string> arguments;  // those of `serve`
  /// Asks for the end of this server, after which the supervisor takes over; `token` is for it. Called once.
  std::function<void(std::string token)> ask;
  /// Asks for the end of this server and a start anew of the same program, when its part in a cluster has
  /// changed. Thread-safe; may be called more than once.
  std::function<void()> again = {};
};

/// Starts everything. Errors: kConflict when the base root or a port is in use (naming process, port and
/// flag), kInvalid for settings that make no sense, kCancelled when it was to stop while it waited for other
/// servers.
Result<std::unique_ptr<Server>> start(const settings::Settings& settings,
                                      std::optional<Restart> restart = std::nullopt,
                                      std::stop_token stop = {});

/// `mullion serve ARGUMENTS`: runs until SIGTERM or SIGINT; the process's exit code.
int run(const std::vector<std::string>& arguments);

}  // namespace mullion::server
