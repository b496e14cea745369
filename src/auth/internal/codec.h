// Hexadecimal digits, comparing secrets, and the start of libsodium.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mullion::auth {

/// As libsodium wants them.
inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
/// Makes libsodium ready; cheap after the first call, thread-safe.
void ensure_sodium();
/// Absent when malformed.
std::optional<std::string> hex_decode(std::string_view text);
/// Compares in time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace mullion::auth
