#include "events/event_pattern.h"

#include <algorithm>

#include "base/text.h"

namespace mullion::events {
namespace {

/// Undoes \1 = '.', \2 = ',', \3 = '*'.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '3') {
      out += ".,*"[text[++i] - '1'];
      continue;
    }
    out += text[i];
  }
  return out;
}

}  // namespace

bool EventPattern::Part::matches(std::string_view word) const {
  return any || std::find(words.begin(), words.end(), word) != words.end();
}

EventPattern::Part EventPattern::parse_part(std::string_view text) {
  Part part;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view element = trimmed(text.substr(0, comma));
    if (element == "*") part.any = true;
    part.words.push_back(unescape(element));
    if (comma == std::string_view::npos) return part;
    text.remove_prefix(comma + 1);
  }
}

Result<EventPattern> EventPattern::parse(std::string_view text) {
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) {
    return Error(ErrorCode::kInvalid, fmt::format("Invalid registration {}: expected TYPE.ACTION.KEY", text));
  }
  EventPattern pattern;
  pattern.type_ = parse_part(text.substr(0, first));
  pattern.action_ = parse_part(text.substr(first + 1, second - first - 1));
  pattern.key_ = parse_part(text.substr(second + 1));
  return pattern;
}

bool EventPattern::matches(std::string_view type, std::string_view action, std::string_view key) const {
  return type_.matches(type) && action_.matches(action) && key_.matches(key);
}

}  // namespace mullion::events
