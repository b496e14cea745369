#include "net/keyed_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <set>

#include "base/mutex.h"
#include "net/internal/log.h"
#include "net/internal/stream.h"

namespace mullion::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using internal::Stream;
using ContextPtr = std::shared_ptr<SSL_CTX>;

constexpr auto kPauseAfterFailure = std::chrono::milliseconds(100);

/// Any certificate will do: what counts is the key, which is compared by the user.
int accept_any(X509_STORE_CTX*, void*) { return 1; }

Result<ContextPtr> make_context(const PeerKey& key) {
  ERR_clear_error();
  ContextPtr made(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  SSL_CTX* context = made.get();
  const bool ready = context != nullptr && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                     SSL_CTX_use_certificate(context, key.certificate()) == 1 &&
                     SSL_CTX_use_PrivateKey(context, key.private_key()) == 1;
  if (!ready) return Error(ErrorCode::kInternal, "TLS does not take the key");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &accept_any, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return made;
}

Result<tcp::endpoint> endpoint_of(std::string_view text) {
  const Error invalid(ErrorCode::kInvalid, fmt::format("'{}' is no IP:port", text));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return invalid;
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(std::string(host), failure);
  if (failure) return invalid;
  return tcp::endpoint(address, port);
}

class KeyedStreamImpl final : public KeyedStream {
 public:
  explicit KeyedStreamImpl(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {
    const CertificatePtr shown(SSL_get1_peer_certificate(stream_->tls()));
    peer_key_ = public_key_of(shown.get());
  }
  KeyedStreamImpl(const KeyedStreamImpl&) = delete;
  KeyedStreamImpl& operator=(const KeyedStreamImpl&) = delete;
  ~KeyedStreamImpl() override { stream_->abort(); }

  const std::string& peer_key() const override { return peer_key_; }
  env::Task<Result<void>> read(char* data, size_t size, env::Duration patience) override {
    const internal::Deadline deadline = internal::deadline_after(patience);
    while (size > 0) {
      const Result<size_t> got = co_await stream_->read_some(data, size, deadline);
      if (!got) co_return got.error();
      if (*got == 0) co_return Error(ErrorCode::kUnreachable, "the peer closed the connection");
      data += *got;
      size -= *got;
    }
    co_return Result<void>{};
  }
  env::Task<Result<void>> write(std::string_view head, std::string_view rest,
                                env::Duration patience) override {
    Stream::Pieces pieces{head, rest, {}};
    Result<void> written = co_await stream_->write(pieces, patience);
    co_return written;
  }
  void abort() override { stream_->abort(); }

 private:
  const std::shared_ptr<Stream> stream_;
  std::string peer_key_;
};

/// Shakes hands as the side that `session` is; null session: out of memory.
env::Task<Result<KeyedStreamPtr>> secure(std::shared_ptr<Stream> stream, SSL* session,
                                         internal::Deadline deadline) {
  if (session == nullptr) co_return Error(ErrorCode::kInternal, "TLS: out of memory");
  stream->use_tls(session);
  const Result<void> shaken = co_await stream->handshake(deadline);
  if (!shaken) co_return shaken.error();
  auto out = std::make_shared<KeyedStreamImpl>(std::move(stream));
  if (out->peer_key().empty()) co_return Error(ErrorCode::kForbidden, "the peer shows no Ed25519 key");
  co_return KeyedStreamPtr(std::move(out));
}

/// What tasks of a listener share; they may outlive it by the time that stopping them takes.
struct Accepting {
  ContextPtr context;
  KeyedListenOptions options;
  std::function<env::Task<void>(KeyedStreamPtr)> serve;
  std::atomic<size_t> open{0};
  Mutex mutex;
  std::set<std::shared_ptr<Stream>> streams GUARDED_BY(mutex);
  std::shared_ptr<env::TaskGroup> tasks;

  void abort_all() {
    const Lock lock(mutex);
    for (const auto& stream : streams) stream->abort();
  }
};

env::Task<void> serve_stream(std::shared_ptr<Accepting> state, std::shared_ptr<Stream> stream) {
  SSL* session = SSL_new(state->context.get());
  if (session != nullptr) SSL_set_accept_state(session);
  Result<KeyedStreamPtr> secured =
      co_await secure(stream, session, internal::deadline_after(state->options.handshake_time));
  if (secured) co_await state->serve(*secured);
}

env::Task<void> serve_counted(std::shared_ptr<Accepting> state, std::shared_ptr<Stream> stream) {
  const auto leave = [&] {
    const Lock lock(state->mutex);
    state->streams.erase(stream);
    --state->open;
  };
  try {
    co_await serve_stream(state, stream);
  } catch (...) {
    leave();
    throw;
  }
  leave();
}

void start_serving(const std::shared_ptr<Accepting>& state, tcp::socket socket) {
  if (state->open >= state->options.max_connections) return;
  auto stream = std::make_shared<Stream>(internal::Socket(std::move(socket)));
  ++state->open;
  {
    const Lock lock(state->mutex);
    state->streams.insert(stream);
  }
  state->tasks->spawn("keyed connection", [state, stream] { return serve_counted(state, stream); });
}

env::Task<void> accept_all(std::shared_ptr<Accepting> state, std::shared_ptr<tcp::acceptor> acceptor) {
  while (true) {
    tcp::socket socket(acceptor->get_executor());
    boost::system::error_code failure;
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
    if (failure == asio::error::operation_aborted) co_return;
    if (failure) {
      co_await env::sleep_for(kPauseAfterFailure);
      continue;
    }
    start_serving(state, std::move(socket));
  }
}

class KeyedListenerImpl final : public KeyedListener {
 public:
  KeyedListenerImpl(std::shared_ptr<Accepting> state, std::shared_ptr<tcp::acceptor> acceptor,
                    env::Runtime& runtime)
      : state_(std::move(state)),
        acceptor_(std::move(acceptor)),
        port_(acceptor_->local_endpoint().port()),
        accepting_(runtime.executor(), "keyed listener") {
    accepting_.spawn("accept",
                     [state = state_, acceptor = acceptor_] { return accept_all(state, acceptor); });
  }
  KeyedListenerImpl(const KeyedListenerImpl&) = delete;
  KeyedListenerImpl& operator=(const KeyedListenerImpl&) = delete;
  ~KeyedListenerImpl() override {
    accepting_.stop();
    boost::system::error_code ignored;
    acceptor_->close(ignored);
    state_->abort_all();
    state_->tasks->stop();
  }
  uint16_t port() const override { return port_; }

 private:
  const std::shared_ptr<Accepting> state_;
  const std::shared_ptr<tcp::acceptor> acceptor_;
  const uint16_t port_;
  env::TaskGroup accepting_;
};

}  // namespace

bool is_ip_and_port(std::string_view text) {
  const Result<tcp::endpoint> endpoint = endpoint_of(text);
  return endpoint.ok() && endpoint->port() != 0;
}

env::Task<Result<KeyedStreamPtr>> connect_keyed(env::Runtime& runtime, const std::string& address,
                                                const PeerKey& key, env::Duration patience) {
  const internal::Deadline deadline = internal::deadline_after(patience);
  const Result<tcp::endpoint> endpoint = endpoint_of(address);
  if (!endpoint) co_return endpoint.error();
  const Result<ContextPtr> context = make_context(key);
  if (!context) co_return context.error();
  Result<std::shared_ptr<Stream>> begun =
      Stream::begin_connect(runtime.executor(), internal::Endpoint(*endpoint));
  if (!begun) co_return begun.error();
  const std::shared_ptr<Stream> stream = *begun;
  const Result<void> connected = co_await stream->finish_connect(deadline);
  if (!connected) co_return connected.error();
  SSL* session = SSL_new(context->get());
  if (session != nullptr) SSL_set_connect_state(session);
  Result<KeyedStreamPtr> secured = co_await secure(stream, session, deadline);
  co_return secured;
}

Result<std::unique_ptr<KeyedListener>> listen_keyed(env::Runtime& runtime, const KeyedListenOptions& options,
                                                    const PeerKey& key,
                                                    std::function<env::Task<void>(KeyedStreamPtr)> serve) {
  const Result<tcp::endpoint> endpoint = endpoint_of(options.address);
  if (!endpoint) return endpoint.error();
  Result<ContextPtr> context = make_context(key);
  if (!context) return context.error();
  auto acceptor = std::make_shared<tcp::acceptor>(runtime.executor());
  boost::system::error_code failure;
  acceptor->open(endpoint->protocol(), failure);
  if (!failure) acceptor->set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure) acceptor->bind(*endpoint, failure);
  if (!failure) acceptor->listen(SOMAXCONN, failure);
  if (failure) {
    return Error(failure == asio::error::address_in_use ? ErrorCode::kConflict : ErrorCode::kInvalid,
                 fmt::format("cannot listen on {}: {}", options.address, failure.message()));
  }
  auto state = std::make_shared<Accepting>();
  state->context = std::move(*context);
  state->options = options;
  state->serve = std::move(serve);
  state->tasks = std::make_shared<env::TaskGroup>(runtime.executor(), "keyed connections");
  return std::unique_ptr<KeyedListener>(
      std::make_unique<KeyedListenerImpl>(std::move(state), std::move(acceptor), runtime));
}

}  // namespace mullion::net
