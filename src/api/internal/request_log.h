// X-Log-Request and X-Log-Token: a client asks for a line about its request (contract: api.md 1.1).
#pragma once

#include <optional>
#include <string>

#include "base/log.h"
#include "net/http.h"

namespace mullion::api {

struct WantedLog {
  LogLevel level = LogLevel::kInfo;
  std::string token;  // printable, bounded
};

/// Absent when the request does not ask, or asks for no level that exists.
std::optional<WantedLog> wanted_log(const net::Request& request);

}  // namespace mullion::api
