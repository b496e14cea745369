#include "model/prerequisites.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace mullion::model {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_wildcard(std::string_view part) { return part == "x" || part == "X" || part == "*"; }

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

Result<VersionRange::Comparator> VersionRange::parse_comparator(std::string_view text) {
  const size_t operator_size = std::min(text.find_first_not_of("<>=!"), text.size());
  const std::string_view op = text.substr(0, operator_size);
  const auto parts = version_parts(text.substr(operator_size));
  const size_t fixed =
      static_cast<size_t>(std::find_if(parts.begin(), parts.end(), is_wildcard) - parts.begin());
  const bool any = fixed == 0;
  auto low = version_of_parts(std::span(parts).first(fixed));
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

}  // namespace mullion::model
