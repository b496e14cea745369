// Percent-coding of URLs (RFC 3986).
#pragma once

#include <string>
#include <string_view>

namespace mullion {

/// One path segment or query value: everything but letters, digits and "-._~" is encoded.
std::string percent_encode(std::string_view text);
/// Broken escapes stay as they are.
std::string percent_decode(std::string_view text);

}  // namespace mullion
