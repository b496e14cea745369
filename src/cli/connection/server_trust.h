// Whom the command line talks to: the one place that opens connections.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/connection/known_servers.h"
#include "cli/terminal.h"
#include "cli/tree/options.h"
#include "env/runtime.h"
#include "net/http.h"
#include "net/peer_certificate.h"

namespace mullion::cli {

/// Decides by the options who a server is before anything is sent there, and makes clients that talk to that
/// server and no other. What a client refuses, and what was remembered, is said with the command that changes
/// it. One thread.
class ServerTrust {
 public:
  /// All three must outlive this object and what it makes.
  ServerTrust(Terminal& terminal, const Options& options, env::Runtime& runtime);

  struct Server {
    std::unique_ptr<net::Client> client;
    std::string url;
    std::string address;      // as server_address(); "" behind RS_LOCAL_PROXY
    std::string fingerprint;  // of its certificate; "" without TLS
  };
  /// The server of the command. kForbidden when it is not the one it should be; nothing was sent then.
  Result<Server> connect(const std::string& url);

  /// The body behind an http(s) URL of anybody; `demanded` in place of the options' rules. Errors as of
  /// net::open_url() and connect().
  Result<net::BodySourcePtr> open_url(const std::string& url, const std::string& proxy,
                                      const std::optional<net::TrustPolicy>& demanded);

  /// Remembers `fingerprint` for the server at `url`, or what it shows now when that is empty; answers it.
  Result<std::string> accept(const std::string& url, const std::string& fingerprint);

 private:
  struct Identity {
    std::string address;
    std::string fingerprint;
    net::TrustPolicy trust;
  };
  Result<Identity> identify_server(const net::ClientOptions& where);
  Result<Identity> identify(const net::ClientOptions& where);
  Result<Identity> identify_known(Identity who, const net::ClientOptions& where);
  Result<Identity> identify_new(Identity who, const net::ClientOptions& where);
  Result<Identity> remember(Identity who, const std::string& shown);
  Result<Identity> verified(Identity who, const net::ClientOptions& where, const net::TrustPolicy& trust);
  Result<net::PeerCertificate> look(net::ClientOptions where, const net::TrustPolicy& trust);
  Error refusal(const Error& error, const std::string& address) const;
  Error unverified(const std::string& address, const std::string& shown) const;

  Terminal& terminal_;
  const Options& options_;
  env::Runtime& runtime_;
  KnownServers known_;
};

}  // namespace mullion::cli
