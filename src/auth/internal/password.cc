#include "auth/internal/password.h"

#include <sodium.h>

#include <charconv>
#include <vector>

#include "auth/internal/codec.h"
#include "base/base64.h"

namespace mullion::auth {

namespace {

constexpr unsigned long long kOperations = 2;
constexpr size_t kMemory = size_t{32} << 20;

template <typename Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> split_dollar(std::string_view text) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', start)) {
    parts.push_back(text.substr(start, at - start));
    start = at + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

/// Bounds what a stored hash can make us spend: a content pack may bring it.
bool acceptable_cost(uint64_t n, uint32_t r, uint32_t p) {
  return n >= 2 && n <= (1U << 17) && (n & (n - 1)) == 0 && r >= 1 && r <= 16 && p >= 1 && p <= 4;
}

bool verify_scrypt(const std::vector<std::string_view>& parts, std::string_view password) {
  uint64_t n = 0;
  uint32_t r = 0;
  uint32_t p = 0;
  if (!parse_number(parts[0], n) || !parse_number(parts[1], r) || !parse_number(parts[2], p)) return false;
  const auto salt = hex_decode(parts[3]);
  const auto key = hex_decode(parts[4]);
  if (!acceptable_cost(n, r, p) || !salt || !key || key->size() < 16 || key->size() > 64) return false;
  std::string derived(key->size(), '\0');
  if (crypto_pwhash_scryptsalsa208sha256_ll(
          bytes_of(password), password.size(), bytes_of(*salt), salt->size(), n, r, p,
          reinterpret_cast<unsigned char*>(derived.data()), derived.size()) != 0) {
    return false;
  }
  return equal_constant_time(derived, *key);
}

bool verify_argon2id(std::string_view stored, std::string_view password) {
  const std::string text(stored);  // libsodium wants it terminated
  return text.size() < crypto_pwhash_STRBYTES &&
         crypto_pwhash_str_verify(text.c_str(), password.data(), password.size()) == 0;
}

bool verify_text(std::string_view stored, std::string_view password) {
  if (stored.starts_with("$argon2")) return verify_argon2id(stored, password);
  const auto parts = split_dollar(stored);
  return parts.size() == 5 && verify_scrypt(parts, password);
}

}  // namespace

std::string argon2id(std::string_view password) {
  ensure_sodium();
  char out[crypto_pwhash_STRBYTES] = {};
  if (crypto_pwhash_str_alg(out, password.data(), password.size(), kOperations, kMemory,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return {};  // out of memory; an empty hash verifies nothing
  }
  return out;
}

bool verify_password(std::string_view stored, std::string_view password) {
  ensure_sodium();
  if (stored.find('$') != std::string_view::npos) return verify_text(stored, password);
  const auto decoded = base64_decode(stored);
  return decoded && verify_text(*decoded, password);
}

void waste_verification(std::string_view password) {
  static const std::string nobody = argon2id("nobody has this password");
  (void)verify_password(nobody, password);
}

}  // namespace mullion::auth
