// Letters and digits of ASCII.
#pragma once

#include <string>
#include <string_view>

namespace mullion {

/// With small ASCII letters; other bytes stay.
std::string lower_case(std::string_view text);
/// Two small hexadecimal digits for each byte.
std::string hex_text(std::string_view bytes);

}  // namespace mullion
