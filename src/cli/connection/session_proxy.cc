// A Unix socket that leads to the server: what `proxy` serves and RS_LOCAL_PROXY talks to.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/error_object.h"
#include "cli/connection/session_state.h"
#include "client/api.h"

namespace mullion::cli {
namespace {

/// Headers of one connection, not of the message.
constexpr std::string_view kOfConnection[] = {
    "Connection", "Host",    "Transfer-Encoding", "Content-Length", "Keep-Alive",           "Upgrade",
    "TE",         "Trailer", "Sec-WebSocket-Key", "Expect",         "Sec-WebSocket-Version"};

void drop_connection_headers(net::Headers& headers) {
  for (const std::string_view name : kOfConnection) headers.remove(name);
}

/// The body of the request at hand, which lives as long as its handler.
class PassedBody final : public net::BodySource {
 public:
  PassedBody(net::BodySource& body, std::optional<uint64_t> size) : body_(body), size_(size) {}
  net::Task<Result<std::string_view>> next() override { return body_.next(); }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  net::BodySource& body_;
  std::optional<uint64_t> size_;
};

net::Task<void> pump(std::shared_ptr<net::WebSocket> from, std::shared_ptr<net::WebSocket> to) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    Result<void> written = co_await to->write(std::move(message->data), message->binary);
    if (!written) break;
  }
  co_await to->close(1000, "");
}

net::Task<void> converse(std::shared_ptr<net::WebSocket> near, std::shared_ptr<net::WebSocket> far) {
  using namespace boost::asio::experimental::awaitable_operators;
  co_await (pump(near, far) && pump(far, near));
}

net::Response refusal(const Error& error) {
  net::Response response;
  response.status = 502;
  response.headers.set("Content-Type", "application/json");
  Error told(ErrorCode::kUnreachable, error.text());
  told.type = client::kClientError;
  response.body = json::serialize(error_object(told));
  return response;
}

/// Passes requests on; those without a login get the session's.
class Relay {
 public:
  Relay(net::Client& client, std::string authorization)
      : client_(client), authorization_(std::move(authorization)) {}

  net::Task<net::Response> operator()(net::Request& request) {
    net::Headers headers = request.headers;
    const bool upgrade = headers.get("Upgrade").has_value();
    drop_connection_headers(headers);
    if (!headers.get("Authorization") && !request.query_value("token")) {
      headers.set("Authorization", authorization_);
    }
    if (upgrade) co_return co_await open_socket(request, std::move(headers));
    net::ClientRequest passed;
    passed.method = request.method;
    passed.target = request.target;
    passed.headers = std::move(headers);
    if (request.body->size() != 0) {
      passed.body = std::make_unique<PassedBody>(*request.body, request.body->size());
    }
    passed.timeout = env::Duration(std::chrono::hours(24));
    Result<net::ClientResponse> answer = co_await client_.send(std::move(passed));
    if (!answer) co_return refusal(answer.error());
    net::Response response;
    response.status = answer->status;
    response.headers = std::move(answer->headers);
    for (const std::string_view name : {"Connection", "Transfer-Encoding", "Keep-Alive"}) {
      response.headers.remove(name);
    }
    response.body = std::move(answer->body);
    co_return response;
  }

 private:
  net::Task<net::Response> open_socket(net::Request& request, net::Headers headers) {
    Result<std::shared_ptr<net::WebSocket>> far =
        co_await client_.connect_websocket(request.target, std::move(headers));
    if (!far) co_return refusal(far.error());
    net::Response response;
    response.upgrade = [far = *far](std::shared_ptr<net::WebSocket> near) {
      return converse(std::move(near), far);
    };
    co_return response;
  }

  net::Client& client_;
  std::string authorization_;
};

}  // namespace

Result<void> Session::serve_proxy(const std::string& path) {
  Result<void> begun = start();
  if (!begun) return begun;
  auto relay = std::make_shared<Relay>(*state_->server.client, state_->login.authorization());
  // From here on a signal ends the proxy, however early it comes.
  asio::signal_set signals(state_->runtime.executor(), SIGINT, SIGTERM);
  net::ListenOptions options;
  options.unix_path = path;
  Result<std::unique_ptr<net::Server>> server =
      net::listen(state_->runtime, options, [relay](net::Request& request) { return (*relay)(request); });
  if (!server) return server.error();
  say_notes(state_->terminal);
  state_->terminal.out << "Serving " << path << "; Ctrl-C ends it\n" << std::flush;
  return env::run(state_->runtime, [&]() -> net::Task<Result<void>> {
    co_await signals.async_wait(asio::use_awaitable);
    co_await (*server)->stop(std::chrono::seconds(2));
    co_return Result<void>();
  });
}

}  // namespace mullion::cli
