// Keys, certificates and TLS sessions. With stream.cc the only door to OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"
#include "net/peer_certificate.h"

struct ssl_st;
struct ssl_ctx_st;

namespace mullion::net::internal {

/// What all TLS connections of one server or one client share; remembers a client's sessions so that they
/// resume cheaply. Thread-safe.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> for_server(const TlsFiles& files);
  static Result<std::shared_ptr<TlsContext>> for_client(const TrustPolicy& trust);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// The side of one connection; null when out of memory. Owned by the caller until given to a Stream.
  ssl_st* new_server_side();
  ssl_st* new_client_side(const std::string& host);

  struct Sessions;  // of tls.cc alone

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> context);

  std::shared_ptr<ssl_ctx_st> context_;
  bool verifies_ = false;
  std::shared_ptr<Sessions> sessions_;
};

/// What the peer of a connection showed; empty when it showed none.
PeerCertificate peer_certificate_of(ssl_st* session);

/// RFC 6455: what a server answers to the client's Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);
/// A fresh Sec-WebSocket-Key.
std::string websocket_key();

}  // namespace mullion::net::internal
