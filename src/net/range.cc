#include "net/range.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace mullion::net {
namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Digits only: no sign, no blanks, nothing left over.
bool parse_number(std::string_view text, uint64_t& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc{} && end == text.data() + text.size();
}

/// "-N": the last N bytes.
RangeKind parse_suffix(std::string_view count, uint64_t size, ByteRange& out) {
  uint64_t number = 0;
  if (!parse_number(count, number)) return RangeKind::kWhole;
  if (number == 0 || size == 0) return RangeKind::kUnsatisfiable;
  out = {number >= size ? 0 : size - number, size - 1};
  return RangeKind::kPart;
}

/// "A-B" of a Content-Range; absent when it is none.
std::optional<ByteRange> parse_piece(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  ByteRange out;
  if (!parse_number(text.substr(0, dash), out.first)) return std::nullopt;
  if (!parse_number(text.substr(dash + 1), out.last) || out.last < out.first) return std::nullopt;
  // The byte behind the last one must have a number too.
  if (out.last == UINT64_MAX) return std::nullopt;
  return out;
}

template <size_t N>
bool find_word(const std::string_view (&words)[N], std::string_view word, int& out) {
  const auto* found = std::find(std::begin(words), std::end(words), word);
  out = static_cast<int>(found - std::begin(words));
  return found != std::end(words);
}

bool parse_field(std::string_view text, size_t at, size_t digits, int& out) {
  uint64_t number = 0;
  if (!parse_number(text.substr(at, digits), number)) return false;
  out = static_cast<int>(number);
  return true;
}

}  // namespace

RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return RangeKind::kWhole;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return RangeKind::kWhole;
  if (dash == 0) return parse_suffix(header.substr(1), size, out);
  ByteRange wanted{0, UINT64_MAX};
  if (!parse_number(header.substr(0, dash), wanted.first)) return RangeKind::kWhole;
  const std::string_view last = header.substr(dash + 1);
  if (!last.empty() && (!parse_number(last, wanted.last) || wanted.last < wanted.first)) {
    return RangeKind::kWhole;
  }
  if (wanted.first >= size) return RangeKind::kUnsatisfiable;
  out = {wanted.first, std::min(wanted.last, size - 1)};
  return RangeKind::kPart;
}

std::optional<ContentRange> parse_content_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const size_t slash = header.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto bytes = parse_piece(header.substr(0, slash));
  if (!bytes) return std::nullopt;
  ContentRange out{*bytes, std::nullopt};
  const std::string_view total = header.substr(slash + 1);
  if (total == "*") return out;
  uint64_t number = 0;
  if (!parse_number(total, number) || bytes->last >= number) return std::nullopt;
  out.total = number;
  return out;
}

std::string format_http_date(env::WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

bool parse_http_date(std::string_view text, env::WallTime& out) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  constexpr size_t kLength = 29;
  if (text.size() != kLength || !text.ends_with(" GMT")) return false;
  int day = 0;
  std::tm parts{};
  const bool read = find_word(kDays, text.substr(0, 3), day) && parse_field(text, 5, 2, parts.tm_mday) &&
                    find_word(kMonths, text.substr(8, 3), parts.tm_mon) &&
                    parse_field(text, 12, 4, parts.tm_year) && parse_field(text, 17, 2, parts.tm_hour) &&
                    parse_field(text, 20, 2, parts.tm_min) && parse_field(text, 23, 2, parts.tm_sec);
  if (!read || parts.tm_year < 1970 || parts.tm_year > 2200) return false;
  parts.tm_year -= 1900;
  out = env::WallTime(std::chrono::seconds(::timegm(&parts)));
  // What is no date (31 Feb, 25 hours, a wrong separator or weekday) reads back as another text.
  return format_http_date(out) == text;
}

}  // namespace mullion::net
