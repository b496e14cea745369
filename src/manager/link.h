// How this manager speaks with one endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/runtime.h"
#include "manager/endpoint_object.h"
#include "net/http.h"

namespace mullion::manager {

/// The way to one endpoint, whoever opened it: requests and streams, any number at once. Nothing is said that
/// nobody asked for: logins are the business of who uses it. Thread-safe.
class Link {
 public:
  virtual ~Link() = default;
  /// Errors as those of net::Client: kUnreachable, kTimeout, kForbidden (another certificate than the one
  /// remembered). Whatever they say, the request may have been carried out. The body of the answer ends with
  /// the link at the latest.
  virtual env::Task<Result<net::ClientResponse>> request(net::ClientRequest request) = 0;
  /// A WebSocket at `target`. Errors as request(), and what the endpoint answered instead, with its status.
  virtual env::Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string target,
                                                                    net::Headers headers) = 0;
  /// Fingerprint of the certificate that the endpoint has shown; empty before the first word.
  virtual std::string certificate() const = 0;
  /// Gives up what is under way, requests and streams.
  virtual void close() = 0;
};

/// Makes a link; says nothing yet. kInvalid: there is no such file of authorities.
using Dial = std::function<Result<std::shared_ptr<Link>>(const Connection&)>;

/// Links to the addresses of Endpoint objects, over connections from here. `runtime` outlives them.
Dial dial_out(env::Runtime& runtime);

}  // namespace mullion::manager
