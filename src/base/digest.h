// 128-bit hashes and the order-independent sums of them that prove two replicas equal.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace mullion {

/// A 128-bit number; addition and subtraction wrap, so a sum of hashes does not depend on order.
struct Digest {
  uint64_t low = 0;
  uint64_t high = 0;

  Digest& operator+=(const Digest& other);
  Digest& operator-=(const Digest& other);
  bool operator==(const Digest&) const = default;
  /// 32 lower-case hex digits, most significant first.
  std::string hex() const;
  /// Reverse of hex(); false leaves `out` untouched.
  static bool from_hex(std::string_view text, Digest& out);
};

/// XXH3-128 of `bytes`. Not cryptographic.
Digest hash128(std::string_view bytes);
/// Hash of one object for a set digest: XXH3-128 over type NUL key NUL body.
Digest object_digest(std::string_view type, std::string_view key, std::string_view body);

}  // namespace mullion
