#include "cli/documents/sealing.h"

#include <fmt/format.h>
#include <sodium.h>

#include <boost/json.hpp>

#include "base/base64.h"
#include "base/json.h"
#include "base/letters.h"
#include "cli/documents/document.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Random numbers of the library are there only after this.
void ensure_sodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();
}

struct KeyPair {
  std::string public_key = std::string(crypto_box_PUBLICKEYBYTES, '\0');
  std::string private_key = std::string(crypto_box_SECRETKEYBYTES, '\0');
};

KeyPair make_pair_of_keys() {
  ensure_sodium();
  KeyPair pair;
  crypto_box_keypair(bytes_of(pair.public_key), bytes_of(pair.private_key));
  return pair;
}

std::string random_text(size_t count) {
  ensure_sodium();
  std::string out(count, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

/// One part of SecureData as bytes; empty when it is missing or no base64.
std::string part_of(const json::value& sealed, std::string_view name) {
  const std::optional<std::string> bytes = base64_decode_lines(text_member(sealed, name));
  return bytes ? *bytes : std::string();
}

}  // namespace

Result<json::value> seal(const std::string& public_key, const json::value& clear) {
  const std::optional<std::string> receiver = base64_decode_lines(public_key);
  if (!receiver || receiver->size() != crypto_box_PUBLICKEYBYTES) {
    return Error(ErrorCode::kInvalid, "the server's public key must be 32 bytes long");
  }
  const KeyPair sender = make_pair_of_keys();
  const std::string nonce = random_text(crypto_box_NONCEBYTES);
  const std::string text = json::serialize(clear);
  std::string payload(text.size() + crypto_box_MACBYTES, '\0');
  if (crypto_box_easy(bytes_of(payload), bytes_of(text), text.size(), bytes_of(nonce), bytes_of(*receiver),
                      bytes_of(sender.private_key)) != 0) {
    return Error(ErrorCode::kInvalid, "the server's public key cannot be used");
  }
  return json::value(json::object{{"Key", base64_encode(sender.public_key)},
                                  {"Nonce", base64_encode(nonce)},
                                  {"Payload", base64_encode(payload)}});
}

SealingKeys make_sealing_keys() {
  const KeyPair pair = make_pair_of_keys();
  return {base64_encode(pair.public_key), base64_encode(pair.private_key)};
}

Result<json::value> open_sealed(const SealingKeys& keys, const json::value& sealed) {
  const std::string sender = part_of(sealed, "Key");
  const std::string nonce = part_of(sealed, "Nonce");
  const std::string payload = part_of(sealed, "Payload");
  std::optional<std::string> own = base64_decode_lines(keys.private_key);
  if (!own || own->size() != crypto_box_SECRETKEYBYTES) {
    return Error(ErrorCode::kInvalid, "the key file holds no key");
  }
  const bool whole = sender.size() == crypto_box_PUBLICKEYBYTES && nonce.size() == crypto_box_NONCEBYTES &&
                     payload.size() >= crypto_box_MACBYTES;
  std::string clear(whole ? payload.size() - crypto_box_MACBYTES : 0, '\0');
  if (!whole || crypto_box_open_easy(bytes_of(clear), bytes_of(payload), payload.size(), bytes_of(nonce),
                                     bytes_of(sender), bytes_of(*own)) != 0) {
    return Error(ErrorCode::kInvalid, "a secure value does not belong to this key");
  }
  return parse_json(clear);
}

Result<std::string> hash_password(const std::string& password) {
  constexpr uint64_t kCost = 16384;
  constexpr uint32_t kBlock = 8;
  constexpr uint32_t kParallel = 1;
  const std::string salt = random_text(16);
  std::string key(32, '\0');
  if (crypto_pwhash_scryptsalsa208sha256_ll(bytes_of(password), password.size(), bytes_of(salt), salt.size(),
                                            kCost, kBlock, kParallel, bytes_of(key), key.size()) != 0) {
    return Error(ErrorCode::kInternal, "not enough memory to hash the password");
  }
  return fmt::format("{}${}${}${}${}", kCost, kBlock, kParallel, hex_text(salt), hex_text(key));
}

}  // namespace mullion::cli
