// A way to one server, whoever opened it.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace mullion::net {

/// Requests and streams to one server, any number at once. Nothing is said that nobody asked for: logins are
/// the business of who uses it. Thread-safe.
class Link {
 public:
  virtual ~Link() = default;
  /// Errors as those of Client: kUnreachable, kTimeout, kForbidden (another certificate than the one
  /// remembered). Whatever they say, the request may have been carried out, unless its `begun` stayed
  /// false. The body of the answer ends with
  /// the link at the latest.
  virtual Task<Result<ClientResponse>> request(ClientRequest request) = 0;
  /// A WebSocket at `target`. Errors as request(), and what the server answered instead, with its status.
  virtual Task<Result<std::shared_ptr<WebSocket>>> stream(std::string target, Headers headers) = 0;
  /// Fingerprint of the certificate that the server has shown; empty before the first word.
  virtual std::string certificate() const = 0;
  /// Gives up what is under way, requests and streams.
  virtual void close() = 0;
};

}  // namespace mullion::net
