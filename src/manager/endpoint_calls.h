// Requests to one endpoint, and what its answers mean.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "manager/manager.h"
#include "net/http.h"

namespace mullion::manager {

namespace json = boost::json;

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
};

/// The narrow way to one endpoint. Thread-safe.
class EndpointCalls {
 public:
  virtual ~EndpointCalls() = default;
  /// Sends, and reads the whole answer. `request.target` begins with "/api/v3/" and is encoded. A refusal is
  /// an answer. Errors: the endpoint cannot be reached, or the conversation broke (is_broken()).
  virtual Task<Result<Answer>> send(net::ClientRequest request) = 0;
  /// Whether it is a server of another make: what only Mullion knows (leases, uploads in pieces) is not asked
  /// of it.
  virtual bool is_foreign() const { return false; }
};
std::unique_ptr<EndpointCalls> calls_through(Manager& manager, std::string endpoint);

/// Whether the way to the endpoint failed, rather than the endpoint refused.
bool is_broken(const Error& error);
/// First line of an error, for people.
std::string reason_of(const Error& error);
/// What the body of a refusal says, as it was sent: its `Messages`, joined; "" when it says nothing.
std::string refusal_texts(std::string_view body);
/// A refusal as an error: "POST contents/x: 409 already exists".
Error refusal_of(const net::ClientRequest& request, const Answer& answer);

/// How long an answer may take when nothing but work stands between: whole bytes are sent within net's own
/// limits on standing still; `bytes` is what the endpoint still has to work through.
env::Duration patience_for(uint64_t bytes);

net::ClientRequest get_request(std::string target);
net::ClientRequest json_request(std::string method, std::string target, const json::value& body);
/// "files/a b" -> "/api/v3/files/a%20b".
std::string target_of(std::string_view path);

/// The answer to a request that must go well.
Task<Result<Answer>> ask(EndpointCalls& calls, net::ClientRequest request);
/// JSON of a GET; absent when there is no such thing (404).
Task<Result<std::optional<json::value>>> look_up(EndpointCalls& calls, std::string target);

}  // namespace mullion::manager
