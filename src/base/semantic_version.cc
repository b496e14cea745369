#include "base/semantic_version.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace mullion {

namespace {

constexpr std::string_view kPartNames[] = {"major", "minor", "patch"};

/// What stands in front of a sort key: texts that are no version come before all that are.
constexpr char kOtherText = 1, kVersion = 2;
/// What follows the numbers: a release comes behind all its pre-releases.
constexpr char kPreRelease = 1, kRelease = 2;
/// What stands in front of each pre-release part; a version that ends here comes before one that goes on.
constexpr char kEnd = 0, kNumberPart = 1, kWordPart = 2;

std::string_view without_suffix(std::string_view text) {
  if (text.starts_with('v') || text.starts_with('V')) text.remove_prefix(1);
  return text.substr(0, text.find_first_of("-+"));
}

Result<uint64_t> parse_part(std::string_view text, size_t index) {
  uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value > 1'000'000'000'000) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("Invalid character(s) found in {} number \"{}\"", kPartNames[index], text));
  }
  return value;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

/// Numbers by value and before words; words by their bytes.
std::strong_ordering compare_parts(std::string_view a, std::string_view b) {
  const bool number = is_number(a);
  if (number != is_number(b)) return number ? std::strong_ordering::less : std::strong_ordering::greater;
  if (!number) return a.compare(b) <=> 0;
  a = without_zeros(a);
  b = without_zeros(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

/// Big-endian: byte order is the order of numbers.
void add_number(std::string& key, uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift & 0xff));
}

void add_part(std::string& key, std::string_view part) {
  if (!is_number(part)) {
    key.push_back(kWordPart);
    key += part;
    key.push_back(kEnd);  // the shorter of two words comes first
    return;
  }
  const std::string_view digits = without_zeros(part);
  key.push_back(kNumberPart);
  add_number(key, digits.size());
  key += digits;
}

}  // namespace

std::string Version::text() const { return fmt::format("{}.{}.{}", major, minor, patch); }

std::vector<std::string_view> version_parts(std::string_view text) {
  text = without_suffix(text);
  std::vector<std::string_view> parts;
  while (parts.size() < 2) {
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos) break;
    parts.push_back(text.substr(0, dot));
    text.remove_prefix(dot + 1);
  }
  parts.push_back(text);
  return parts;
}

Result<Version> version_of_parts(std::span<const std::string_view> parts) {
  uint64_t numbers[3] = {0, 0, 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    auto number = parse_part(parts[i], i);
    if (!number) return number.error();
    numbers[i] = *number;
  }
  return Version{numbers[0], numbers[1], numbers[2]};
}

Result<Version> parse_version(std::string_view text) {
  text = trimmed(text);
  if (without_suffix(text).empty()) return Version{};
  return version_of_parts(version_parts(text));
}

bool FullVersion::is_tip() const {
  return std::any_of(pre_release.begin(), pre_release.end(),
                     [](const std::string& part) { return part.find("tip") != std::string::npos; });
}

std::strong_ordering FullVersion::operator<=>(const FullVersion& other) const {
  if (const auto order = numbers <=> other.numbers; std::is_neq(order)) return order;
  if (is_release() != other.is_release()) {
    return is_release() ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  const size_t common = std::min(pre_release.size(), other.pre_release.size());
  for (size_t i = 0; i < common; ++i) {
    if (const auto order = compare_parts(pre_release[i], other.pre_release[i]); std::is_neq(order))
      return order;
  }
  return pre_release.size() <=> other.pre_release.size();
}

Result<FullVersion> parse_full_version(std::string_view text) {
  text = trimmed(text);
  const std::string_view numbers = without_suffix(text);
  if (numbers.empty()) return Error(ErrorCode::kInvalid, fmt::format("\"{}\" is no version", text));
  auto parsed = parse_version(text);
  if (!parsed) return parsed.error();
  FullVersion version{*parsed, {}};
  std::string_view rest = text.substr(text.find(numbers) + numbers.size());
  rest = rest.substr(0, rest.find('+'));
  if (!rest.starts_with('-')) return version;
  rest.remove_prefix(1);
  while (true) {
    const size_t dot = rest.find('.');
    version.pre_release.emplace_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) return version;
    rest.remove_prefix(dot + 1);
  }
}

std::string version_sort_key(std::string_view text) {
  if (text.empty()) return {};
  const Result<FullVersion> version = parse_full_version(text);
  const bool ends_words = text.find('\0') != std::string_view::npos;
  if (!version || ends_words) return kOtherText + std::string(text);
  std::string key(1, kVersion);
  for (const uint64_t number : {version->numbers.major, version->numbers.minor, version->numbers.patch})
    add_number(key, number);
  key.push_back(version->is_release() ? kRelease : kPreRelease);
  for (const std::string& part : version->pre_release) add_part(key, part);
  return key;
}

}  // namespace mullion
