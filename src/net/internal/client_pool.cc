#include "net/internal/client_pool.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "base/mutex.h"
#include "net/internal/tunnel.h"

namespace mullion::net::internal {
namespace {

constexpr auto kKeepIdle = std::chrono::seconds(60);

/// The part of a name look-up that its callback and its waiting task share.
struct LookUp {
  explicit LookUp(const asio::any_io_executor& executor) : resolver(executor) {}
  tcp::resolver resolver;
  env::Signal done;
  Mutex mutex;
  bool finished GUARDED_BY(mutex) = false;
  std::string failure GUARDED_BY(mutex);
  std::vector<Endpoint> endpoints GUARDED_BY(mutex);
};

bool is_plain_origin(const boost::urls::url_view& url) {
  return (url.path().empty() || url.path() == "/") && !url.has_query() && !url.has_fragment() &&
         !url.has_userinfo();
}

}  // namespace

Result<Origin> parse_origin(const std::string& base_url) {
  const auto invalid = [&base_url](std::string_view reason) {
    return Error(ErrorCode::kInvalid, fmt::format("'{}' is not a server address: {}", base_url, reason));
  };
  const auto parsed = boost::urls::parse_uri(base_url);
  if (!parsed) return invalid("expected http://host:port or https://host:port");
  const boost::urls::url_view& url = *parsed;
  const std::string scheme = url.scheme();
  if (scheme != "http" && scheme != "https") return invalid("the scheme must be http or https");
  if (!is_plain_origin(url)) return invalid("only scheme, host and port may be given");
  Origin origin;
  origin.tls = scheme == "https";
  origin.host = url.host_address();
  if (origin.host.empty()) return invalid("the host is missing");
  origin.port = origin.tls ? 443 : 80;
  if (url.has_port()) {
    const std::string text(url.port());
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), origin.port);
    const bool whole = failure == std::errc() && end == text.data() + text.size();
    if (!whole || origin.port == 0) return invalid("the port must be between 1 and 65535");
  }
  origin.host_header = std::string(url.encoded_host());
  if (url.has_port()) origin.host_header += fmt::format(":{}", origin.port);
  return origin;
}

Result<std::shared_ptr<ClientPool>> ClientPool::make(env::Runtime& runtime, ClientOptions options) {
  Result<Origin> origin = parse_origin(options.base_url);
  if (!origin) return origin.error();
  std::optional<Origin> proxy;
  if (!options.proxy.empty()) {
    if (!options.unix_path.empty()) return Error(ErrorCode::kInvalid, "no proxy leads to a unix socket");
    Result<Origin> parsed = parse_origin(options.proxy);
    if (!parsed) return parsed.error();
    if (parsed->tls) return Error(ErrorCode::kInvalid, "a proxy must be http://host:port: " + options.proxy);
    proxy = std::move(*parsed);
  }
  std::shared_ptr<TlsContext> tls;
  if (origin->tls) {
    Result<std::shared_ptr<TlsContext>> made = TlsContext::for_client(options.trust);
    if (!made) return made.error();
    tls = std::move(made.value());
  }
  return std::make_shared<ClientPool>(runtime, std::move(options), std::move(origin.value()),
                                      std::move(proxy), std::move(tls));
}

ClientPool::ClientPool(env::Runtime& runtime, ClientOptions options, Origin origin,
                       std::optional<Origin> proxy, std::shared_ptr<TlsContext> tls)
    : executor_(runtime.executor()),
      options_(std::move(options)),
      origin_(std::move(origin)),
      proxy_(std::move(proxy)),
      tls_(std::move(tls)),
      tasks_(std::make_shared<env::TaskGroup>(executor_, "client " + origin_.host_header)),
      sweep_timer_(executor_) {}

ClientConnectionPtr ClientPool::take_idle() {
  const Deadline now = deadline_after(env::Duration::zero());
  std::vector<ClientConnectionPtr> stale;  // closed after the lock is gone
  Lock lock(mutex_);
  while (!idle_.empty()) {
    ClientConnectionPtr connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->idle_until > now && connection->stream->is_quiet()) {
      connection->reused = true;
      return connection;
    }
    stale.push_back(std::move(connection));
  }
  return nullptr;
}

void ClientPool::give_back(ClientConnectionPtr connection) {
  connection->idle_until = deadline_after(kKeepIdle);
  connection->buffer.release_unused();
  Lock lock(mutex_);
  if (closed_ || idle_.size() >= options_.max_idle_connections || !connection->buffer.empty()) return;
  idle_.push_back(std::move(connection));
  arm_sweep();
}

void ClientPool::arm_sweep() {
  if (sweep_armed_ || idle_.empty()) return;
  sweep_armed_ = true;
  sweep_timer_.expires_after(kKeepIdle / 2);
  sweep_timer_.async_wait([weak = weak_from_this()](boost::system::error_code failure) {
    const std::shared_ptr<ClientPool> self = failure ? nullptr : weak.lock();
    if (self) self->sweep();
  });
}

void ClientPool::sweep() {
  const Deadline now = deadline_after(env::Duration::zero());
  std::vector<ClientConnectionPtr> stale;  // closed after the lock is gone
  Lock lock(mutex_);
  sweep_armed_ = false;
  const auto is_fresh = [now](const ClientConnectionPtr& kept) {
    return kept->idle_until > now && kept->stream->is_quiet();
  };
  const auto fresh_end = std::stable_partition(idle_.begin(), idle_.end(), is_fresh);
  std::move(fresh_end, idle_.end(), std::back_inserter(stale));
  idle_.erase(fresh_end, idle_.end());
  arm_sweep();
}

Task<Result<ClientConnectionPtr>> ClientPool::open() {
  const std::shared_ptr<ClientPool> self = shared_from_this();
  const Deadline deadline = std::min(deadline_after(options_.connect_timeout), options_.deadline);
  Result<std::vector<Endpoint>> endpoints = co_await resolve(deadline);
  if (!endpoints) co_return describe(endpoints.error());
  Result<std::shared_ptr<Stream>> stream = co_await connect_any(std::move(endpoints.value()), deadline);
  if (!stream) co_return describe(stream.error());
  const std::shared_ptr<Stream> opened = *stream;
  if (tls_ && proxy_) {
    Result<void> led = co_await open_tunnel(*opened, origin_, deadline);
    if (!led) co_return describe(led.error());
  }
  if (tls_) {
    Result<void> secured = co_await secure(opened, deadline);
    if (!secured) co_return describe(secured.error());
  }
  co_return std::make_unique<ClientConnection>(opened);
}

Error ClientPool::describe(Error error) const {
  if (closed()) return Error(ErrorCode::kCancelled, "the client is closed");
  const Origin& peer = proxy_ ? *proxy_ : origin_;
  const std::string& where = options_.unix_path.empty() ? peer.host_header : options_.unix_path;
  for (std::string& message : error.messages) {
    if (error.code == ErrorCode::kTimeout) message = "no connection in time";
    message = fmt::format("{}: {}", where, message);
  }
  return error;
}

Task<Result<std::vector<Endpoint>>> ClientPool::resolve(Deadline deadline) {
  if (!options_.unix_path.empty()) {
    co_return std::vector<Endpoint>{asio::local::stream_protocol::endpoint(options_.unix_path)};
  }
  const Origin& peer = proxy_ ? *proxy_ : origin_;
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(peer.host, not_numeric);
  if (!not_numeric) co_return std::vector<Endpoint>{tcp::endpoint(address, peer.port)};
  auto look_up = std::make_shared<LookUp>(executor_);
  const uint64_t seen = look_up->done.version();
  // The system's resolver cannot be interrupted: it may finish after nobody waits for it any more.
  look_up->resolver.async_resolve(
      peer.host, std::to_string(peer.port), tcp::resolver::numeric_service,
      [look_up](const boost::system::error_code& failure, const tcp::resolver::results_type& results) {
        {
          Lock lock(look_up->mutex);
          look_up->finished = true;
          if (failure) look_up->failure = failure.message();
          for (const auto& entry : results) look_up->endpoints.push_back(entry.endpoint());
        }
        look_up->done.notify_all();
      });
  const env::Duration patience = deadline - deadline_after(env::Duration::zero());
  co_await look_up->done.wait(seen, patience);
  Lock lock(look_up->mutex);
  if (!look_up->finished) co_return Error(ErrorCode::kTimeout, "name look-up timed out");
  if (!look_up->failure.empty())
    co_return Error(ErrorCode::kUnreachable, "name look-up: " + look_up->failure);
  co_return std::move(look_up->endpoints);
}

Task<Result<std::shared_ptr<Stream>>> ClientPool::connect_any(std::vector<Endpoint> endpoints,
                                                              Deadline deadline) {
  Error last(ErrorCode::kUnreachable, "the name has no address");
  for (size_t i = 0; i < endpoints.size(); ++i) {
    Result<std::shared_ptr<Stream>> begun = Stream::begin_connect(executor_, endpoints[i]);
    if (!begun) {
      last = begun.error();
      continue;
    }
    const std::shared_ptr<Stream> stream = *begun;
    if (!watch(stream)) co_return Error(ErrorCode::kCancelled, "the client is closed");
    // An address that swallows packets leaves time for the others.
    const Deadline now = deadline_after(env::Duration::zero());
    const env::Duration share = (deadline - now) / static_cast<int64_t>(endpoints.size() - i);
    Result<void> connected = co_await stream->finish_connect(now + share);
    if (connected) co_return stream;
    last = connected.error();
    if (last.code == ErrorCode::kCancelled) break;
  }
  co_return last;
}

Task<Result<void>> ClientPool::secure(std::shared_ptr<Stream> stream, Deadline deadline) {
  ssl_st* const side = tls_->new_client_side(origin_.host);
  if (side == nullptr) co_return Error(ErrorCode::kInternal, "out of memory for TLS");
  stream->use_tls(side);
  Result<void> ready = co_await stream->handshake(deadline);
  if (!ready) co_return ready;
  PeerCertificate shown = peer_certificate_of(side);
  const std::string seen = shown.fingerprint;
  const std::string& pinned = options_.trust.pinned_fingerprint;
  {
    Lock lock(mutex_);
    certificate_ = std::move(shown);
  }
  if (pinned.empty() || pinned == seen) co_return Result<void>();
  co_return Error(ErrorCode::kForbidden,
                  fmt::format("certificate fingerprint changed: expected {}, got {}", pinned, seen));
}

bool ClientPool::watch(const std::shared_ptr<Stream>& stream) {
  Lock lock(mutex_);
  if (closed_) return false;
  // Forgets the dead when the list has doubled since the last time: constant work per connection.
  if (streams_.size() == streams_.capacity()) {
    std::erase_if(streams_, [](const std::weak_ptr<Stream>& known) { return known.expired(); });
  }
  streams_.push_back(stream);
  return true;
}

PeerCertificate ClientPool::certificate() const {
  Lock lock(mutex_);
  return certificate_;
}

void ClientPool::close() {
  std::vector<ClientConnectionPtr> idle;
  std::vector<std::weak_ptr<Stream>> streams;
  {
    Lock lock(mutex_);
    closed_ = true;
    idle.swap(idle_);
    streams.swap(streams_);
  }
  for (const std::weak_ptr<Stream>& known : streams) {
    if (const std::shared_ptr<Stream> stream = known.lock()) stream->abort();
  }
}

bool ClientPool::closed() const {
  Lock lock(mutex_);
  return closed_;
}

bool ClientPool::runs_here() const {
  const auto* io = executor_.target<asio::io_context::executor_type>();
  return io != nullptr && io->running_in_this_thread();
}

}  // namespace mullion::net::internal
