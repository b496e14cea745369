#include "base/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

namespace mullion {
namespace {

bool parse_hex64(std::string_view text, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Digest& Digest::operator+=(const Digest& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

Digest& Digest::operator-=(const Digest& other) {
  const uint64_t borrow = low < other.low ? 1 : 0;
  low -= other.low;
  high -= other.high + borrow;
  return *this;
}

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

bool Digest::from_hex(std::string_view text, Digest& out) {
  if (text.size() != 32) return false;
  Digest parsed;
  if (!parse_hex64(text.substr(0, 16), parsed.high) || !parse_hex64(text.substr(16), parsed.low))
    return false;
  out = parsed;
  return true;
}

Digest hash128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Digest object_digest(std::string_view type, std::string_view key, std::string_view body) {
  std::string framed;
  framed.reserve(type.size() + key.size() + body.size() + 2);
  framed.append(type).push_back('\0');
  framed.append(key).push_back('\0');
  framed.append(body);
  return hash128(framed);
}

}  // namespace mullion
