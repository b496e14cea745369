#include "yaml/internal/scalars.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/letters.h"

namespace mullion::yaml {

namespace {

namespace json = boost::json;

enum class Meaning { kTrue, kFalse, kNull, kNoJson };

struct Word {
  std::string_view text;
  Meaning meaning;
};
constexpr Word kWords[] = {
    {"y", Meaning::kTrue},       {"Y", Meaning::kTrue},       {"yes", Meaning::kTrue},
    {"Yes", Meaning::kTrue},     {"YES", Meaning::kTrue},     {"true", Meaning::kTrue},
    {"True", Meaning::kTrue},    {"TRUE", Meaning::kTrue},    {"on", Meaning::kTrue},
    {"On", Meaning::kTrue},      {"ON", Meaning::kTrue},      {"n", Meaning::kFalse},
    {"N", Meaning::kFalse},      {"no", Meaning::kFalse},     {"No", Meaning::kFalse},
    {"NO", Meaning::kFalse},     {"false", Meaning::kFalse},  {"False", Meaning::kFalse},
    {"FALSE", Meaning::kFalse},  {"off", Meaning::kFalse},    {"Off", Meaning::kFalse},
    {"OFF", Meaning::kFalse},    {"", Meaning::kNull},        {"~", Meaning::kNull},
    {"null", Meaning::kNull},    {"Null", Meaning::kNull},    {"NULL", Meaning::kNull},
    {".nan", Meaning::kNoJson},  {".NaN", Meaning::kNoJson},  {".NAN", Meaning::kNoJson},
    {".inf", Meaning::kNoJson},  {".Inf", Meaning::kNoJson},  {".INF", Meaning::kNoJson},
    {"+.inf", Meaning::kNoJson}, {"+.Inf", Meaning::kNoJson}, {"+.INF", Meaning::kNoJson},
    {"-.inf", Meaning::kNoJson}, {"-.Inf", Meaning::kNoJson}, {"-.INF", Meaning::kNoJson},
};

std::optional<Meaning> word_of(std::string_view text) {
  const auto found = std::find_if(std::begin(kWords), std::end(kWords),
                                  [text](const Word& word) { return word.text == text; });
  return found == std::end(kWords) ? std::nullopt : std::optional(found->meaning);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_sign(char c) { return c == '+' || c == '-'; }

/// Cuts the prefix of a base off: 0x, 0o or 0 for octal, 0b.
int take_base(std::string_view& digits) {
  if (digits.size() < 2 || digits[0] != '0') return 10;
  const char letter = static_cast<char>(digits[1] | 0x20);
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  const bool prefixed = base != 0 && digits.size() > 2;
  digits.remove_prefix(prefixed ? 2 : 1);
  return prefixed ? base : 8;
}

std::optional<json::value> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool has_sign = is_sign(text.front());
  std::string_view digits = text.substr(has_sign ? 1 : 0);
  const int base = take_base(digits);
  uint64_t size = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), size, base);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (negative && size <= kMost + 1) return json::value(static_cast<int64_t>(0 - size));
  if (!negative && size <= kMost) return json::value(static_cast<int64_t>(size));
  return has_sign ? std::nullopt : std::optional(json::value(size));
}

size_t digits_at(std::string_view text, size_t begin) {
  size_t end = begin;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - begin;
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool has_form_of_fraction(std::string_view text) {
  size_t at = is_sign(text.front()) ? 1 : 0;
  size_t digits = digits_at(text, at);
  at += digits;
  if (at < text.size() && text[at] == '.') {
    const size_t more = digits_at(text, at + 1);
    at += 1 + more;
    digits += more;
  }
  if (digits == 0) return false;
  if (at == text.size()) return true;
  if (text[at] != 'e' && text[at] != 'E') return false;
  ++at;
  if (at < text.size() && is_sign(text[at])) ++at;
  const size_t exponent = digits_at(text, at);
  return exponent > 0 && at + exponent == text.size();
}

std::optional<json::value> fraction(std::string_view text) {
  if (!has_form_of_fraction(text)) return std::nullopt;
  const double number = std::strtod(std::string(text).c_str(), nullptr);
  return std::isfinite(number) ? std::optional(json::value(number)) : std::nullopt;
}

/// Unicode characters of valid UTF-8, one at a time.
char32_t next_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t character = length == 1 ? first : first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length && i < text.size(); ++i)
    character = (character << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(std::min(length, text.size()));
  return character;
}

/// Characters that readers refuse, take for line ends, or drop.
bool is_delicate(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
         c == 0xffff;
}

bool has_delicate(std::string_view text, std::string_view allowed) {
  while (!text.empty()) {
    const char32_t c = next_character(text);
    const bool fine = c < 0x80 && allowed.find(static_cast<char>(c)) != std::string_view::npos;
    if (!fine && is_delicate(c)) return true;
  }
  return false;
}

/// Words that some reader of YAML 1.1 or 1.2 takes for a boolean or null, in any spelling.
bool is_reserved_word(std::string_view text) {
  static constexpr std::string_view kReserved[] = {"true", "false", "null", "yes", "no",
                                                   "on",   "off",   "y",    "n"};
  const std::string lower = lower_case(text);
  return std::find(std::begin(kReserved), std::end(kReserved), lower) != std::end(kReserved);
}

/// Numbers of every base, with fractions and exponents, 1_000, 12:30:45 and dates: all that begins like a
/// number and has no character that none of these has.
bool resembles_number(std::string_view text) {
  const size_t first = is_sign(text.front()) ? 1 : 0;
  if (first == text.size() || (!is_digit(text[first]) && text[first] != '.')) return false;
  return text.find_first_not_of("0123456789abcdefxoABCDEFXO_:.,-+TtZz ") == std::string_view::npos;
}

}  // namespace

std::optional<json::value> plain_value(std::string_view text) {
  if (const auto meaning = word_of(text)) {
    switch (*meaning) {
      case Meaning::kTrue:
        return true;
      case Meaning::kFalse:
        return false;
      case Meaning::kNull:
        return json::value(nullptr);
      case Meaning::kNoJson:
        return std::nullopt;
    }
  }
  if (text.front() == '.') return fraction(text).value_or(json::value(text));
  if (!is_digit(text.front()) && !is_sign(text.front())) return json::value(text);
  std::string plain(text);
  std::erase(plain, '_');
  if (auto number = whole_number(plain)) return number;
  return fraction(plain).value_or(json::value(text));
}

bool is_safe_plain(std::string_view text) {
  if (text.empty() || is_reserved_word(text) || resembles_number(text)) return false;
  if (std::string_view("!&*-?|>@`%#{}[],:\"'=< ~+").find(text.front()) != std::string_view::npos)
    return false;
  if (text.starts_with("..") || word_of(text) || text == ".") return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  return !has_delicate(text, "");
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    std::string_view rest = text;
    const char32_t c = next_character(rest);
    if (c == '"' || c == '\\') {
      out.append("\\").push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_delicate(c)) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      out.append(text.substr(0, text.size() - rest.size()));
    }
    text = rest;
  }
  return out + '"';
}

bool fits_literal_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos) return false;
  if (text.front() == ' ' || text.front() == '\n' || text.front() == '\t') return false;
  return !has_delicate(text, "\n\t");
}

}  // namespace mullion::yaml
