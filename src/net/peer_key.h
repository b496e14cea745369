// What a server is recognised by among servers that know each other.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "env/file.h"
#include "net/openssl.h"

namespace mullion::net {

/// An Ed25519 key pair and a certificate that carries it. Nobody looks at the dates or the name of the
/// certificate: who has the private key is who is meant by the public one.
class PeerKey {
 public:
  static Result<PeerKey> make();
  /// kNotFound, kCorrupt.
  static Result<PeerKey> load(const env::Path& file);
  /// PEM, for the owner's eyes only; durable when this returns.
  Result<void> store(const env::Path& file) const;

  /// Hex of the 32 bytes.
  const std::string& public_key() const { return public_key_; }
  evp_pkey_st* private_key() const { return key_.get(); }
  x509_st* certificate() const { return certificate_.get(); }

 private:
  static Result<PeerKey> around(KeyPtr key);

  KeyPtr key_;
  CertificatePtr certificate_;
  std::string public_key_;
};

/// Hex of the public key that a certificate carries; empty when it is of another kind.
std::string public_key_of(x509_st* certificate);

}  // namespace mullion::net
