// The connections of one client and how they come to be.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "net/http.h"
#include "net/internal/buffer.h"
#include "net/internal/parser.h"
#include "net/internal/stream.h"
#include "net/internal/tls.h"
#include "net/peer_certificate.h"

namespace mullion::net::internal {

struct Origin {
  bool tls = false;
  std::string host;         // without brackets
  std::string host_header;  // as sent in Host
  uint16_t port = 0;
};
Result<Origin> parse_origin(const std::string& base_url);

/// A connection and what was read from it beyond the last message.
struct ClientConnection {
  explicit ClientConnection(std::shared_ptr<Stream> opened)
      : stream(std::move(opened)), parser(MessageParser::Kind::kResponse, 256 * 1024) {}

  std::shared_ptr<Stream> stream;
  Buffer buffer;
  MessageParser parser;
  bool reused = false;
  Deadline idle_until = Deadline::max();
};
using ClientConnectionPtr = std::unique_ptr<ClientConnection>;

/// Opens, checks, keeps and cuts connections. Thread-safe.
class ClientPool : public std::enable_shared_from_this<ClientPool> {
 public:
  /// kInvalid when an address of `options` is none, or the trust policy cannot be obeyed.
  static Result<std::shared_ptr<ClientPool>> make(env::Runtime& runtime, ClientOptions options);
  ClientPool(env::Runtime& runtime, ClientOptions options, Origin origin, std::optional<Origin> proxy,
             std::shared_ptr<TlsContext> tls);

  const ClientOptions& options() const { return options_; }
  const Origin& origin() const { return origin_; }
  /// Requests go to a proxy, which reads them: they must say whom they are for.
  bool asks_proxy() const { return proxy_ && !tls_; }
  const std::shared_ptr<env::TaskGroup>& tasks() const { return tasks_; }

  /// A kept connection that still looks alive; null when there is none.
  ClientConnectionPtr take_idle();
  /// A fresh connection to a peer whom the trust policy accepts.
  Task<Result<ClientConnectionPtr>> open();
  void give_back(ClientConnectionPtr connection);
  /// Of the connection opened last; empty before the first one with TLS.
  PeerCertificate certificate() const;
  void close();
  bool closed() const;
  /// Whether this is a thread of the runtime.
  bool runs_here() const;

 private:
  Task<Result<std::vector<Endpoint>>> resolve(Deadline deadline);
  Task<Result<std::shared_ptr<Stream>>> connect_any(std::vector<Endpoint> endpoints, Deadline deadline);
  Task<Result<void>> secure(std::shared_ptr<Stream> stream, Deadline deadline);
  bool watch(const std::shared_ptr<Stream>& stream);
  void arm_sweep() REQUIRES(mutex_);
  void sweep();
  Error describe(Error error) const;

  const asio::any_io_executor executor_;
  const ClientOptions options_;
  const Origin origin_;
  const std::optional<Origin> proxy_;
  const std::shared_ptr<TlsContext> tls_;
  const std::shared_ptr<env::TaskGroup> tasks_;
  mutable Mutex mutex_;                                       // guards everything below
  std::vector<ClientConnectionPtr> idle_ GUARDED_BY(mutex_);  // the one kept longest first
  asio::steady_timer sweep_timer_ GUARDED_BY(mutex_);
  bool sweep_armed_ GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<Stream>> streams_ GUARDED_BY(mutex_);  // all that may be alive, for close()
  PeerCertificate certificate_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace mullion::net::internal
