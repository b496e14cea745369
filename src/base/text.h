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
/// The same without blanks around the parts, as in headers and words of a query.
std::vector<std::string> trimmed_list(std::string_view text, char separator = ',');
/// Without blanks, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text);
/// Whether the texts differ in the case of ASCII letters at most.
bool equal_ignoring_case(std::string_view a, std::string_view b);
/// For people, logs and JSON, on one line: nothing in it can end the line, move a cursor or change the order
/// in which the rest is read. Control characters below U+0020, U+007F, and bytes that are no UTF-8, as \xNN;
/// U+0080 to U+009F, the line and paragraph separators and the bidirectional controls as \uNNNN.
std::string escaped(std::string_view text);
/// The same for text of several lines: tabs and line feeds stay.
std::string escaped_lines(std::string_view text);

}  // namespace mullion
