// Asking a server through its API, and what its answers mean.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "client/request.h"
#include "net/http.h"

namespace mullion::client {

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
};

/// The narrow way to the API of one server, login included. Thread-safe.
class Api {
 public:
  virtual ~Api() = default;
  /// Sends, and reads the whole answer. A refusal is an answer. Errors: the server cannot be reached, or the
  /// conversation broke (is_broken()).
  virtual env::Task<Result<Answer>> send(net::ClientRequest request) = 0;
};

/// Whether the way to the server failed, rather than the server refused.
bool is_broken(const Error& error);
/// First line of an error, for people.
std::string reason_of(const Error& error);
/// What the body of a refusal says, as it was sent: its `Messages`, joined; "" when it says nothing.
std::string refusal_texts(std::string_view body);
/// Type of errors whose words no server chose.
inline constexpr std::string_view kClientError = "CLIENT_ERROR";
/// The error that an answer of `status` with `body` stands for, in the server's words; without a body the
/// headers may say why. kClientError when neither is one of ours.
Error error_of(int status, std::string_view body, const net::Headers& headers);
/// A refusal as an error: "POST contents/x: 409 already exists".
Error refusal_of(const Request& request, const Answer& answer);

/// How long an answer may take when nothing but work stands between: whole bytes are sent within net's own
/// limits on standing still; `bytes` is what the server still has to work through.
env::Duration patience_for(uint64_t bytes);

/// The request without headers and body.
net::ClientRequest bare_request(const Request& request);
/// An answer in JSON is wanted.
net::ClientRequest get_request(const Request& request);
/// The same with `body` as JSON.
net::ClientRequest json_request(const Request& request, const boost::json::value& body);

/// The answer to a request that must go well. `sent` is `request` as it goes out: with headers, body and
/// limits on time.
env::Task<Result<Answer>> ask(Api& api, Request request, net::ClientRequest sent);
/// The same with get_request().
env::Task<Result<Answer>> ask(Api& api, Request request);
/// The same with json_request().
env::Task<Result<Answer>> ask(Api& api, Request request, const boost::json::value& body);
/// JSON of a GET; absent when there is no such thing (404).
env::Task<Result<std::optional<boost::json::value>>> look_up(Api& api, Request request);

}  // namespace mullion::client
