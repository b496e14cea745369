#include "auth/signature.h"

#include <sodium.h>

#include <algorithm>

#include "auth/internal/codec.h"
#include "base/base64.h"

namespace mullion::auth {

namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool signed_by(std::string_view key_text, std::string_view message, std::string_view signature) {
  const auto key = base64_decode(key_text);
  if (!key || key->size() != crypto_sign_PUBLICKEYBYTES || signature.size() != crypto_sign_BYTES)
    return false;
  return crypto_sign_verify_detached(bytes(signature), bytes(message), message.size(), bytes(*key)) == 0;
}

}  // namespace

bool is_signed(std::string_view message, std::string_view signature,
               const std::vector<std::string>& trusted_keys) {
  ensure_sodium();
  return std::any_of(trusted_keys.begin(), trusted_keys.end(),
                     [&](const std::string& key) { return signed_by(key, message, signature); });
}

bool is_signed_base64(std::string_view message, std::string_view signature,
                      const std::vector<std::string>& trusted_keys) {
  while (signature.ends_with('\n') || signature.ends_with('\r')) signature.remove_suffix(1);
  const auto decoded = base64_decode(signature);
  return decoded && is_signed(message, *decoded, trusted_keys);
}

bool is_public_key(std::string_view text) {
  const auto key = base64_decode(text);
  return key && key->size() == crypto_sign_PUBLICKEYBYTES;
}

}  // namespace mullion::auth
