// Base64 in its two alphabets (RFC 4648).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mullion {

/// Standard alphabet, with padding.
std::string base64_encode(std::string_view bytes);
/// Standard alphabet, with or without padding; absent when malformed.
std::optional<std::string> base64_decode(std::string_view text);
/// Standard alphabet, with padding, as files of people have it: line breaks are passed over. Absent when
/// malformed.
std::optional<std::string> base64_decode_lines(std::string_view text);
/// URL-safe alphabet, without padding.
std::string base64url_encode(std::string_view bytes);
/// URL-safe alphabet, without padding; absent when malformed.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace mullion
