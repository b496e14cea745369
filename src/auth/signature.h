// Ed25519 signatures of those whom the settings trust.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mullion::auth {

/// Whether one of `trusted_keys` (base64 of 32 bytes each; others never verify) signed `message`.
/// `signature` is its 64 bytes. Thread-safe.
bool is_signed(std::string_view message, std::string_view signature,
               const std::vector<std::string>& trusted_keys);

/// The same for a signature in base64, with or without padding and a line end.
bool is_signed_base64(std::string_view message, std::string_view signature,
                      const std::vector<std::string>& trusted_keys);

/// Whether `text` is a public key as settings hold it.
bool is_public_key(std::string_view text);

}  // namespace mullion::auth
