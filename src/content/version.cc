#include "content/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mullion::content {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kPartNames[] = {"major", "minor", "patch"};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view without_suffix(std::string_view text) {
  if (text.starts_with('v') || text.starts_with('V')) text.remove_prefix(1);
  return text.substr(0, text.find_first_of("-+"));
}

/// At most three parts; a third keeps further dots, which no number contains.
std::vector<std::string_view> parts_of(std::string_view text) {
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

Result<uint64_t> parse_part(std::string_view text, size_t index) {
  uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value > 1'000'000'000'000) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("Invalid character(s) found in {} number \"{}\"", kPartNames[index], text));
  }
  return value;
}

bool is_wildcard(std::string_view part) { return part == "x" || part == "X" || part == "*"; }

Result<Version> version_of(const std::vector<std::string_view>& parts, size_t count) {
  uint64_t numbers[3] = {0, 0, 0};
  for (size_t i = 0; i < count; ++i) {
    auto number = parse_part(parts[i], i);
    if (!number) return number.error();
    numbers[i] = *number;
  }
  return Version{numbers[0], numbers[1], numbers[2]};
}

/// The first version above every version that shares the first `count` parts.
Version next_after(const Version& version, size_t count) {
  if (count == 1) return {version.major + 1, 0, 0};
  if (count == 2) return {version.major, version.minor + 1, 0};
  return {version.major, version.minor, version.patch + 1};
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

/// Comparators of one alternative; blanks between an operator and its version are tolerated.
std::vector<std::string> comparators_of(std::string_view text) {
  std::vector<std::string> out;
  bool open = false;  // the last item is an operator still without its version
  for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = text.find_first_not_of(kBlanks)) {
    text.remove_prefix(at);
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    const std::string_view word = text.substr(0, end);
    open ? void(out.back() += word) : void(out.emplace_back(word));
    open = out.back().find_first_not_of("<>=!") == std::string::npos;
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string Version::text() const { return fmt::format("{}.{}.{}", major, minor, patch); }

Result<Version> parse_version(std::string_view text) {
  const std::string_view numbers = without_suffix(trimmed(text));
  if (numbers.empty()) return Version{};
  const auto parts = parts_of(numbers);
  return version_of(parts, parts.size());
}

namespace {

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

}  // namespace

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
  for (const std::string_view part : split(rest.substr(1), ".")) version.pre_release.emplace_back(part);
  return version;
}

Result<VersionRange::Comparator> VersionRange::parse_comparator(std::string_view text) {
  const size_t operator_size = std::min(text.find_first_not_of("<>=!"), text.size());
  const std::string_view op = text.substr(0, operator_size);
  const auto parts = parts_of(without_suffix(text.substr(operator_size)));
  const size_t fixed =
      static_cast<size_t>(std::find_if(parts.begin(), parts.end(), is_wildcard) - parts.begin());
  const bool any = fixed == 0;
  auto low = version_of(parts, fixed);
  if (!low) return low.error();
  if (parts.back().empty()) return Error(ErrorCode::kInvalid, fmt::format("no version in \"{}\"", text));
  const Version high = next_after(*low, fixed == parts.size() ? 3 : fixed);

  Comparator out{Comparator::Kind::kInside, *low, high, any};
  if (op == ">=") {
    out.unbounded = true;
  } else if (op == ">") {
    out.low = any ? *low : high;
    out.unbounded = true;
  } else if (op == "<" || op == "<=") {
    out.high = op == "<" ? *low : high;
    out.low = Version{};
  } else if (op == "!" || op == "!=") {
    out.kind = Comparator::Kind::kOutside;
  } else if (op != "" && op != "=" && op != "==") {
    return Error(ErrorCode::kInvalid, fmt::format("unknown operator \"{}\"", op));
  }
  return out;
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
  VersionRange range;
  if (trimmed(text).empty()) return range;
  for (const std::string_view alternative : split(text, "||")) {
    std::vector<Comparator> all;
    for (const std::string& word : comparators_of(alternative)) {
      auto comparator = parse_comparator(word);
      if (!comparator) return comparator.error();
      all.push_back(*comparator);
    }
    if (all.empty()) return Error(ErrorCode::kInvalid, "empty alternative next to ||");
    range.alternatives_.push_back(std::move(all));
  }
  return range;
}

bool VersionRange::allows(const Version& version) const {
  if (alternatives_.empty()) return true;
  const auto holds = [&version](const Comparator& item) {
    const bool inside = version >= item.low && (item.unbounded || version < item.high);
    return inside == (item.kind == Comparator::Kind::kInside);
  };
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [&holds](const auto& all) { return std::all_of(all.begin(), all.end(), holds); });
}

Result<std::vector<Prerequisite>> parse_prerequisites(std::string_view text) {
  std::vector<Prerequisite> out;
  if (trimmed(text).empty()) return out;
  for (const std::string_view entry : split(text, ",")) {
    const size_t colon = entry.find(':');
    const std::string_view name = trimmed(entry.substr(0, colon));
    if (name.empty()) {
      if (trimmed(entry).empty()) continue;
      return Error(ErrorCode::kInvalid, fmt::format("\"{}\" names no content pack", trimmed(entry)));
    }
    const std::string_view wanted = colon == std::string_view::npos ? "" : trimmed(entry.substr(colon + 1));
    auto range = VersionRange::parse(wanted);
    if (!range)
      return Error(ErrorCode::kInvalid, fmt::format("{}: {}", name, range.error().messages.front()));
    out.push_back({std::string(name), std::move(*range), std::string(wanted)});
  }
  return out;
}

}  // namespace mullion::content
