#include "base/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/letters.h"

namespace mullion {
namespace {

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is not one.
size_t sequence_length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // surrogate
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
  return length;
}

void append_hex(unsigned value, int digits, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 15];
}

/// The code point of a valid sequence of two or three bytes.
unsigned code_point(std::string_view sequence) {
  unsigned point = static_cast<unsigned char>(sequence[0]) & (sequence.size() == 2 ? 0x1FU : 0x0FU);
  for (size_t i = 1; i < sequence.size(); ++i) {
    point = point << 6 | (static_cast<unsigned char>(sequence[i]) & 0x3FU);
  }
  return point;
}

/// Control characters beyond ASCII, line ends, and what changes the direction of reading.
bool is_control(unsigned point) {
  if (point >= 0x80 && point <= 0x9F) return true;      // C1, U+0085 (next line) among them
  if (point == 0x61C) return true;                      // Arabic letter mark
  if (point >= 0x200E && point <= 0x200F) return true;  // left-to-right mark, right-to-left mark
  if (point >= 0x2028 && point <= 0x202E) return true;  // separators, embeddings, overrides
  return point >= 0x2066 && point <= 0x206F;            // isolates, deprecated format controls
}

/// Appends the sequence of `length` bytes at the start of `text`, or what stands for it.
void append_shown(std::string_view text, size_t length, std::string_view kept, std::string& out) {
  const std::string_view sequence = text.substr(0, length);
  const auto first = static_cast<unsigned char>(text.front());
  const bool is_byte = length == 0 || first < 0x20 || first == 0x7f;
  if (is_byte && kept.find(text.front()) == std::string_view::npos) {
    out += "\\x";
    return append_hex(first, 2, out);
  }
  const bool wide = length == 2 || length == 3;
  if (!wide || !is_control(code_point(sequence))) {
    out += sequence;
    return;
  }
  out += "\\u";
  append_hex(code_point(sequence), 4, out);
}

/// How many characters of the beginning are printable ASCII.
size_t plain_length(std::string_view text) {
  const auto other = std::ranges::find_if(text, [](unsigned char c) { return c < 0x20 || c > 0x7e; });
  return static_cast<size_t>(other - text.begin());
}

std::string escaped_except(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t plain = plain_length(text);  // nearly all of most texts
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t length = sequence_length(text);
    append_shown(text, length, kept, out);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    uint64_t word = 0;
    if (text.size() >= sizeof(word)) {
      std::memcpy(&word, text.data(), sizeof(word));
      if ((word & 0x8080808080808080ULL) == 0) {
        text.remove_prefix(sizeof(word));
        continue;
      }
    }
    const size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return lower_case(c); };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    if (end != 0) items.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return items;
}

std::vector<std::string> trimmed_list(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (const std::string& part : split_list(text, separator)) {
    if (const std::string_view item = trimmed(part); !item.empty()) out.emplace_back(item);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string escaped(std::string_view text) { return escaped_except(text, ""); }

std::string escaped_lines(std::string_view text) { return escaped_except(text, "\n\t"); }

}  // namespace mullion
