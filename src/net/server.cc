// A listening port: accepts, counts and stops connections.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/internal/connection.h"
#include "net/internal/log.h"

namespace mullion::net {
namespace {

using internal::Connection;
using internal::ServerState;
using internal::Stream;
namespace asio = boost::asio;
using asio::ip::tcp;
using internal::Socket;
/// Accepts over TCP or a unix socket.
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);

using Place = internal::Admission::Place;

Task<void> serve(std::shared_ptr<ServerState> state, std::shared_ptr<Stream> stream,
                 std::unique_ptr<Place> place) {
  Connection connection(std::move(state), std::move(stream), std::move(place));
  co_await connection.run();
}

void start_connection(const std::shared_ptr<ServerState>& state, Socket socket) {
  auto stream = std::make_shared<Stream>(std::move(socket));
  const env::Network from = env::network_of(stream->peer_address().to_string());
  std::unique_ptr<Place> place = state->admission->enter(from, state->options.tls.has_value());
  if (!place) return;
  // A std::function copies what it holds.
  auto held = std::make_shared<std::unique_ptr<Place>>(std::move(place));
  state->tasks->spawn("connection", [state, stream, held] { return serve(state, stream, std::move(*held)); });
}

Task<void> accept_loop(std::shared_ptr<ServerState> state, std::shared_ptr<Acceptor> acceptor) {
  while (!state->stopping()) {
    Socket socket(acceptor->get_executor());
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

/// An acceptor and the port it got.
struct Listening {
  std::shared_ptr<Acceptor> acceptor;
  uint16_t port = 0;
};

using UnixStream = asio::local::stream_protocol;

/// A socket file whose server is gone may be taken over.
Result<void> remove_abandoned(env::Runtime& runtime, const UnixStream::endpoint& endpoint) {
  const std::string path = endpoint.path();
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return Error(ErrorCode::kConflict, path + " exists and is no socket");
  UnixStream::socket probe(runtime.executor());
  boost::system::error_code failure;
  probe.connect(endpoint, failure);
  if (!failure) return Error(ErrorCode::kConflict, "somebody listens on " + path + " already");
  ::unlink(path.c_str());
  return {};
}

Result<Listening> open_unix_acceptor(env::Runtime& runtime, const std::string& path) {
  if (path.size() > kLongestUnixPath) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("unix socket path is too long, more than {} bytes: {}", kLongestUnixPath, path));
  }
  const UnixStream::endpoint endpoint(path);
  if (Result<void> free = remove_abandoned(runtime, endpoint); !free) return free.error();
  auto acceptor = std::make_shared<Acceptor>(runtime.executor());
  boost::system::error_code failure;
  acceptor->open(endpoint.protocol(), failure);
  // The mode set before bind() is the mode the name is born with: at no moment may others connect.
  if (!failure && ::fchmod(acceptor->native_handle(), 0600) != 0)
    failure.assign(errno, boost::system::system_category());
  if (!failure) acceptor->bind(endpoint, failure);
  if (!failure) acceptor->listen(SOMAXCONN, failure);
  if (failure) {
    return Error(ErrorCode::kInternal, fmt::format("cannot listen on {}: {}", path, failure.message()));
  }
  return Listening{std::move(acceptor), 0};
}

Result<Listening> open_acceptor(env::Runtime& runtime, const ListenOptions& options) {
  if (!options.unix_path.empty()) return open_unix_acceptor(runtime, options.unix_path);
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(options.address, failure);
  if (failure)
    return Error(ErrorCode::kInvalid,
                 fmt::format("listen address '{}' is not an IP address", options.address));
  const tcp::endpoint endpoint(address, options.port);
  tcp::acceptor acceptor(runtime.executor());
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) acceptor.listen(4096, failure);
  if (failure) return listen_error(options, failure);
  const uint16_t port = acceptor.local_endpoint().port();
  return Listening{std::make_shared<Acceptor>(std::move(acceptor)), port};
}

class ServerImplementation final : public Port {
 public:
  ServerImplementation(std::shared_ptr<ServerState> state, Listening listening)
      : state_(std::move(state)), acceptor_(std::move(listening.acceptor)), port_(listening.port) {
    state_->acceptors->spawn("accept",
                             [state = state_, acceptor = acceptor_] { return accept_loop(state, acceptor); });
  }

  ~ServerImplementation() override {
    state_->begin_stop();
    state_->abort_all();
    state_->acceptors->stop();
    state_->tasks->stop();
    if (!state_->options.unix_path.empty()) ::unlink(state_->options.unix_path.c_str());
  }

  uint16_t port() const override { return port_; }
  size_t connections() const override { return state_->count(); }
  ConnectionStatistics statistics() const override { return state_->admission->statistics(); }

  Result<void> use_certificate(const TlsFiles& files) override {
    if (!state_->options.tls) return Error(ErrorCode::kInvalid, fmt::format("port {} has no TLS", port_));
    Result<std::shared_ptr<internal::TlsContext>> made = internal::TlsContext::for_server(files);
    if (!made) return made.error();
    state_->set_tls(std::move(*made));
    return {};
  }

  Task<void> stop(env::Duration grace) override {
    const std::shared_ptr<ServerState> state = state_;
    const std::shared_ptr<Acceptor> acceptor = acceptor_;
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
  const std::shared_ptr<Acceptor> acceptor_;
  const uint16_t port_;
};

}  // namespace

Result<std::unique_ptr<Server>> listen(env::Runtime& runtime, ListenOptions options, Handler handler) {
  Result<std::unique_ptr<Port>> port = listen(runtime, std::move(options), PeerLimits(), std::move(handler));
  if (!port) return port.error();
  return std::unique_ptr<Server>(std::move(*port));
}

Result<std::unique_ptr<Port>> listen(env::Runtime& runtime, ListenOptions options, PeerLimits peers,
                                     Handler handler) {
  std::shared_ptr<internal::TlsContext> tls;
  if (options.tls) {
    Result<std::shared_ptr<internal::TlsContext>> made = internal::TlsContext::for_server(*options.tls);
    if (!made) return made.error();
    tls = std::move(made.value());
  }
  Result<Listening> acceptor = open_acceptor(runtime, options);
  if (!acceptor) return acceptor.error();
  auto state = std::make_shared<ServerState>(runtime, std::move(options), peers, std::move(handler));
  state->set_tls(std::move(tls));
  std::unique_ptr<Port> server =
      std::make_unique<ServerImplementation>(std::move(state), std::move(acceptor.value()));
  return server;
}

}  // namespace mullion::net
