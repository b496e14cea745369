// Small things with text that several rooms need.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mullion {

/// Whether `text` is UTF-8 without overlong sequences and surrogates: what JSON may hold.
bool is_valid_utf8(std::string_view text);

/// The parts of "a,b,,c" without empty ones.
std::vector<std::string> split_list(std::string_view text, char separator = ',');
/// For people and JSON: control characters, and bytes that are no UTF-8, as \xNN.
std::string escaped(std::string_view text);

}  // namespace mullion
