#include "events/internal/resume_command.h"

#include "base/text.h"

namespace mullion::events {

size_t ResumeCommand::bytes() const {
  size_t out = 0;
  for (const Registration& one : registrations) out += one.text.size();
  return out;
}

size_t ResumeCommand::words() const {
  size_t out = 0;
  for (const auto& [text, pattern] : registrations) out += pattern.words();
  return out;
}

Result<ResumeCommand> ResumeCommand::parse(std::string_view text) {
  ResumeCommand out;
  const std::string_view first = text.substr(0, text.find('\n'));
  out.place_text = trimmed(first);
  for (std::string& line : trimmed_list(text.substr(first.size()), '\n')) {
    Result<EventPattern> pattern = EventPattern::parse(line);
    if (!pattern) return pattern.error();
    out.registrations.push_back({std::move(line), std::move(*pattern)});
  }
  if (out.registrations.empty())
    return Error(ErrorCode::kInvalid, "Expected: resume CURSOR, and a registration in each line behind it");
  if (out.place_text.empty()) return out;
  const Result<EventPlace> place = EventPlace::parse(out.place_text);
  if (!place) return place.error();
  out.place = *place;
  return out;
}

}  // namespace mullion::events
