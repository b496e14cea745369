// HTTP messages and the interfaces of server and client, free of the library that carries them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "env/runtime.h"

namespace mullion::net {

using env::Task;

/// Ordered header list; names compare case-insensitively.
class Headers {
 public:
  void add(std::string name, std::string value) { items_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  /// First value, or absent.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// Bytes that arrive or leave piece by piece. One user at a time.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The next piece (at most 256 KiB, valid until the next call); an empty view is the end.
  virtual Task<Result<std::string_view>> next() = 0;
  /// Total size when known beforehand.
  virtual std::optional<uint64_t> size() const { return std::nullopt; }
};
using BodySourcePtr = std::unique_ptr<BodySource>;

/// A body that is one string.
BodySourcePtr body_from_string(std::string text);
/// Reads everything; kTooLarge beyond `limit` bytes.
Task<Result<std::string>> read_all(BodySource& source, uint64_t limit);

struct Request {
  std::string method;                                      // upper case
  std::string target;                                      // as received: for messages, never to decide by
  std::string path;                                        // for people: decoded, without query
  std::vector<std::string> segments;                       // see Target: what the path means
  bool folder = false;                                     // the path ends with a slash
  std::vector<std::pair<std::string, std::string>> query;  // form-decoded, in order
  Headers headers;
  std::string peer_address;  // textual IP
  bool peer_is_loopback = false;
  bool tls = false;
  std::string id;              // request id: X-Request-Id of a trusted caller, else made here
  BodySource* body = nullptr;  // never null in a handler; streamed from the connection

  std::optional<std::string_view> query_value(std::string_view name) const;
  /// Takes `text` as target: fills path, segments, folder and query. Errors as parse_target().
  Result<void> set_target(std::string text);
};

class WebSocket;

struct Response {
  int status = 200;
  Headers headers;
  /// Text, or a stream (chunked unless it knows its size). Ignored for HEAD, 204 and 304; for HEAD the
  /// Content-Length of a text body is still sent unless `headers` has one.
  std::variant<std::string, BodySourcePtr> body;
  /// When set, the connection becomes a WebSocket after this response's status is ignored and the handshake
  /// sent; the function owns the conversation and returns when it is over.
  std::function<Task<void>(std::shared_ptr<WebSocket>)> upgrade;
};

/// A WebSocket conversation, server or client side. Thread-safe; at most one read() at a time (a second one
/// gets kConflict). write() may be called by many tasks: the first one sends and returns when the socket has
/// taken what was queued (back-pressure), those that come meanwhile queue and return at once, or get
/// kUnavailable when the queue is over its limit. Pings are sent and answered while a read() is pending. A
/// task that is cancelled while it sends cuts the connection. Ends with the client or server it came from at
/// the latest.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  struct Message {
    std::string data;
    bool binary = false;
  };
  /// kCancelled/kUnreachable when the conversation is over; kTooLarge when a message exceeds the limit.
  virtual Task<Result<Message>> read() = 0;
  virtual Task<Result<void>> write(std::string data, bool binary) = 0;
  /// Sends a close frame with `code` and ends; safe from any task, idempotent.
  virtual Task<void> close(uint16_t code, std::string reason) = 0;
  /// Cuts the connection at once; safe from any thread.
  virtual void abort() = 0;
  /// Bytes waiting in the write queue.
  virtual size_t queued_bytes() const = 0;
  /// Messages of the peer may have so many bytes at most, no more than before. To be called before read().
  virtual void limit_messages(uint64_t bytes) { (void)bytes; }
};

using Handler = std::function<Task<Response>(Request&)>;

/// Limits on everything a peer controls.
struct ServerLimits {
  uint64_t max_header_bytes = 64 * 1024;
  size_t max_connections = 20000;
  env::Duration idle_timeout = std::chrono::seconds(120);   // keep-alive between requests
  env::Duration header_timeout = std::chrono::seconds(15);  // first byte to end of headers, and TLS handshake
  env::Duration body_timeout = std::chrono::seconds(60);    // no progress while reading or writing a body
  uint64_t max_websocket_message = 64 * 1024 * 1024;
  size_t max_websocket_queue = 16 * 1024 * 1024;
  env::Duration websocket_ping = std::chrono::seconds(30);  // also detects half-open connections
};

struct TlsFiles {
  std::string key_file;          // PEM
  std::string certificate_file;  // PEM
};

/// Creates a self-signed P-256 certificate (10 years; names: localhost, host name, loopback addresses) when
/// either file is absent. Files get mode 0600. Completes first what a crash in replace_certificate() left.
Result<void> ensure_certificate(const TlsFiles& files);
/// Only that completion: nothing is created.
Result<void> complete_certificate(const TlsFiles& files);
/// kInvalid when the texts are no certificate (chain) and private key in PEM that belong together, or the
/// certificate has expired.
Result<void> check_certificate(const std::string& certificate_pem, const std::string& key_pem);
/// Checks and stores a new pair. After a crash ensure_certificate() finds the old or the new pair, never a
/// mixture. One caller at a time.
Result<void> replace_certificate(const TlsFiles& files, const std::string& certificate_pem,
                                 const std::string& key_pem);
/// The first certificate of a file in DER form, as base64.
Result<std::string> certificate_base64(const std::string& certificate_file);
/// SHA-256 of the certificate in DER form, lower-case hex.
Result<std::string> certificate_fingerprint(const std::string& certificate_file);

struct ListenOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 0;            // 0: any free port
  std::optional<TlsFiles> tls;  // absent: plain HTTP
  ServerLimits limits;
  std::string flag;  // name of the flag that sets the port, for error texts
  /// When set: listens on this unix socket instead, for this user only; removed at the end. kConflict when
  /// somebody listens there, or the name is no socket.
  std::string unix_path;
};

/// Longest path that a unix socket may have, in bytes.
inline constexpr size_t kLongestUnixPath = 107;

/// One listening port or unix socket. Thread-safe. The destructor cuts what stop() has not ended and waits
/// for it, so it belongs outside the runtime's threads, or after stop().
class Server {
 public:
  virtual ~Server() = default;
  /// 0 for a unix socket.
  virtual uint16_t port() const = 0;
  virtual size_t connections() const = 0;
  /// New connections are met with this certificate; those that are open stay as they are. kInvalid for a port
  /// without TLS; what cannot be read changes nothing.
  virtual Result<void> use_certificate(const TlsFiles& files) = 0;
  /// Stops accepting, lets running requests finish for at most `grace`, closes WebSockets politely, then
  /// cuts.
  virtual Task<void> stop(env::Duration grace) = 0;
};
/// kConflict naming port and flag when the port is in use; kInvalid for a unix path that is too long.
Result<std::unique_ptr<Server>> listen(env::Runtime& runtime, ListenOptions options, Handler handler);

/// How a client decides whom to trust.
struct TrustPolicy {
  std::string pinned_fingerprint;   // when set: exactly this certificate
  std::string ca_file;              // when set: verify the chain and name
  bool system_authorities = false;  // verify them with the authorities that this system trusts
  // none of them: accept any certificate and report its fingerprint (trust on first use)
};

struct ClientOptions {
  std::string base_url;   // "https://host:port" or "http://..."
  std::string unix_path;  // when set: connections go to this unix socket; base_url gives the Host header
  std::string proxy;      // "http://host:port": everything goes through this proxy, https as a tunnel
  TrustPolicy trust;
  env::Duration connect_timeout = std::chrono::seconds(5);  // TCP and TLS together
  env::Duration idle_timeout = std::chrono::seconds(60);    // no progress while waiting or transferring
  /// Bytes per second that the server at least takes of a request and sends of an answer's body, over each
  /// `rate_window` spent waiting for it; kTimeout when it is slower. 0: any pace will do.
  uint64_t least_rate = 1024;
  env::Duration rate_window = std::chrono::seconds(60);
  env::SteadyTime deadline = env::SteadyTime::max();  // of everything together, bodies of answers too
  size_t max_idle_connections = 16;
  uint64_t max_websocket_message = 64 * 1024 * 1024;
  size_t max_websocket_queue = 16 * 1024 * 1024;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target;  // path and query, already encoded
  Headers headers;
  std::variant<std::string, BodySourcePtr> body;
  std::optional<env::Duration> timeout;    // until response headers; default ClientOptions::idle_timeout
  std::optional<env::Duration> body_time;  // from the response headers to the end of the body; default: any
  /// Becomes true before the first byte of it leaves: until then nobody can have carried it out. Must outlive
  /// send().
  bool* begun = nullptr;
};

/// Status and headers are there; the body streams from the connection, which returns to the pool at its end.
struct ClientResponse {
  int status = 0;
  Headers headers;
  BodySourcePtr body;
};

/// A pooled client of one server. Thread-safe; used from coroutines.
/// Errors: kUnreachable (refused, reset, DNS, TLS; text says which), kTimeout, kForbidden with "certificate
/// fingerprint changed" when a pin does not match. A request is repeated on a fresh connection only when a
/// pooled one turned out closed before any byte of an answer and the method is GET or HEAD.
class Client {
 public:
  virtual ~Client() = default;
  virtual Task<Result<ClientResponse>> send(ClientRequest request) = 0;
  virtual Task<Result<std::shared_ptr<WebSocket>>> connect_websocket(std::string target, Headers headers) = 0;
  /// Fingerprint of the certificate last seen; empty before the first TLS connection.
  virtual std::string peer_fingerprint() const = 0;
  /// Closes idle connections and aborts running ones.
  virtual void close() = 0;
};
Result<std::unique_ptr<Client>> make_client(env::Runtime& runtime, ClientOptions options);

/// Sends and reads a whole answer of at most `limit` bytes, whose body may take `kLongestFetch` unless the
/// request says something else.
inline constexpr env::Duration kLongestFetch = std::chrono::minutes(10);
struct TextResponse {
  int status = 0;
  Headers headers;
  std::string body;
};
Task<Result<TextResponse>> fetch(Client& client, ClientRequest request, uint64_t limit = 256 * 1024 * 1024);

/// Splits "a=b&c=d", '+' as blank.
std::vector<std::pair<std::string, std::string>> parse_query_string(std::string_view text);

}  // namespace mullion::net
