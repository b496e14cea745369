// Letters and digits of ASCII.
#pragma once

#include <string>
#include <string_view>

namespace mullion {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
/// Other bytes stay.
constexpr char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr char upper_case(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

/// Of a hexadecimal digit, small or capital; -1 for others.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char small = lower_case(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}
constexpr bool is_hex_digit(char c) { return hex_value(c) >= 0; }
/// Two small hexadecimal digits for each byte.
std::string hex_text(std::string_view bytes);
/// Whether `text` is a SHA-256 as this program writes it: 64 small hexadecimal digits.
bool is_sha256(std::string_view text);
/// Whether `text` is a UUID: hexadecimal digits, small or capital, in groups of 8, 4, 4, 4 and 12.
bool is_uuid(std::string_view text);
/// A fingerprint of a certificate as this program compares it, from how others spell it ("AB:CD ...").
std::string plain_fingerprint(std::string_view text);

}  // namespace mullion
