// A listening port: accepts, counts and stops connections.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "net/internal/connection.h"
#include "net/internal/unix_socket.h"

namespace mullion::net {
namespace {

using internal::Connection;
using internal::ServerState;
using internal::Stream;
namespace asio = boost::asio;
using asio::ip::tcp;

constexpr Logger kLog("net");
constexpr size_t kOverLimit =
    64;  // connections beyond the limit that are told so; further ones are just closed
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

Task<void> serve(std::shared_ptr<ServerState> state, std::shared_ptr<Stream> stream, bool over_limit) {
  Connection connection(std::move(state), std::move(stream), over_limit);
  co_await connection.run();
}

void start_connection(const std::shared_ptr<ServerState>& state, tcp::socket socket) {
  const size_t limit = state->options.limits.max_connections;
  const size_t open = state->tasks->running();
  if (open >= limit + kOverLimit) return;
  auto stream = std::make_shared<Stream>(std::move(socket));
  state->tasks->spawn("connection",
                      [state, stream, over = open >= limit] { return serve(state, stream, over); });
}

Task<void> accept_loop(std::shared_ptr<ServerState> state, std::shared_ptr<tcp::acceptor> acceptor) {
  while (!state->stopping()) {
    tcp::socket socket(acceptor->get_executor());
    boost::system::error_code failure;
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
    if (failure == asio::error::operation_aborted) co_return;
    if (failure) {
      // Out of descriptors or memory: wait for connections to end instead of spinning.
      kLog.warn("accept failed port={} reason={}", state->options.port, failure.message());
      co_await env::sleep_for(kAcceptPause);
      continue;
    }
    start_connection(state, std::move(socket));
  }
}

Error listen_error(const ListenOptions& options, const boost::system::error_code& failure) {
  const std::string flag = options.flag.empty() ? "" : fmt::format(" ({})", options.flag);
  if (failure == asio::error::address_in_use) {
    return Error(ErrorCode::kConflict, fmt::format("port {} is in use{}", options.port, flag));
  }
  return Error(ErrorCode::kInternal, fmt::format("cannot listen on {}:{}{}: {}", options.address,
                                                 options.port, flag, failure.message()));
}

Result<std::shared_ptr<tcp::acceptor>> open_unix_acceptor(env::Runtime& runtime, const std::string& path) {
  Result<int> descriptor = internal::listen_unix(path);
  if (!descriptor) return descriptor.error();
  auto acceptor = std::make_shared<tcp::acceptor>(runtime.executor());
  boost::system::error_code failure;
  acceptor->assign(tcp::v4(), *descriptor, failure);
  if (!failure) return acceptor;
  ::close(*descriptor);
  return Error(ErrorCode::kInternal, fmt::format("cannot listen on {}: {}", path, failure.message()));
}

Result<std::shared_ptr<tcp::acceptor>> open_acceptor(env::Runtime& runtime, const ListenOptions& options) {
  if (!options.unix_socket.empty()) return open_unix_acceptor(runtime, options.unix_socket);
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(options.address, failure);
  if (failure)
    return Error(ErrorCode::kInvalid,
                 fmt::format("listen address '{}' is not an IP address", options.address));
  const tcp::endpoint endpoint(address, options.port);
  auto acceptor = std::make_shared<tcp::acceptor>(runtime.executor());
  acceptor->open(endpoint.protocol(), failure);
  if (!failure) acceptor->set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure) acceptor->bind(endpoint, failure);
  if (!failure) acceptor->listen(4096, failure);
  if (failure) return listen_error(options, failure);
  return acceptor;
}

class ServerImplementation final : public Server {
 public:
  ServerImplementation(std::shared_ptr<ServerState> state, std::shared_ptr<tcp::acceptor> acceptor)
      : state_(std::move(state)),
        acceptor_(std::move(acceptor)),
        port_(state_->options.unix_socket.empty() ? acceptor_->local_endpoint().port() : 0) {
    state_->acceptors->spawn("accept",
                             [state = state_, acceptor = acceptor_] { return accept_loop(state, acceptor); });
  }

  ~ServerImplementation() override {
    state_->begin_stop();
    state_->abort_all();
    state_->acceptors->stop();
    state_->tasks->stop();
    if (!state_->options.unix_socket.empty()) ::unlink(state_->options.unix_socket.c_str());
  }

  uint16_t port() const override { return port_; }
  size_t connections() const override { return state_->count(); }

  Task<void> stop(env::Duration grace) override {
    const std::shared_ptr<ServerState> state = state_;
    const std::shared_ptr<tcp::acceptor> acceptor = acceptor_;
    const internal::Deadline deadline = internal::deadline_after(grace);
    const auto conversations = state->begin_stop();
    co_await state->acceptors->async_stop();
    boost::system::error_code ignored;
    acceptor->close(ignored);
    for (const auto& conversation : conversations) {
      state->tasks->spawn("close websocket",
                          [conversation] { return conversation->close(1001, "server is stopping"); });
    }
    while (true) {
      const uint64_t seen = state->connection_ended.version();
      const internal::Deadline now = internal::deadline_after(env::Duration::zero());
      if (state->count() == 0 || now >= deadline) break;
      co_await state->connection_ended.wait(seen, deadline - now);
    }
    state->abort_all();
    co_await state->tasks->async_stop();
  }

 private:
  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<tcp::acceptor> acceptor_;
  const uint16_t port_;
};

}  // namespace

Result<std::unique_ptr<Server>> listen(env::Runtime& runtime, ListenOptions options, Handler handler) {
  std::shared_ptr<internal::TlsContext> tls;
  if (options.tls) {
    Result<std::shared_ptr<internal::TlsContext>> made = internal::TlsContext::for_server(*options.tls);
    if (!made) return made.error();
    tls = std::move(made.value());
  }
  Result<std::shared_ptr<tcp::acceptor>> acceptor = open_acceptor(runtime, options);
  if (!acceptor) return acceptor.error();
  auto state = std::make_shared<ServerState>(runtime, std::move(options), std::move(handler));
  state->tls = std::move(tls);
  std::unique_ptr<Server> server =
      std::make_unique<ServerImplementation>(std::move(state), std::move(acceptor.value()));
  return server;
}

}  // namespace mullion::net
