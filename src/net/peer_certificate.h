// Who a server says it is, before anything is asked of it.
#pragma once

#include <string>

#include "net/http.h"

namespace mullion::net {

struct PeerCertificate {
  std::string fingerprint;  // SHA-256 of the certificate in DER form, lower-case hex
  /// Of the form that ensure_certificate() makes on this computer. Anybody can make such a one: it says who
  /// installed the certificate, nothing about who answers.
  bool self_made = false;
};

/// Connects to `options.base_url`, shakes hands and closes again; no request is sent. `options.trust` is
/// obeyed as by a Client, with its errors; kInvalid for a URL without TLS.
Task<Result<PeerCertificate>> peer_certificate(env::Runtime& runtime, ClientOptions options);

}  // namespace mullion::net
