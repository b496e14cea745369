// Registrations for events, and the events they are asked about: four texts divided by zero bytes. The first
// is also read as what a reader sends who comes back, and as its place.
#include "events/internal/resume_command.h"
#include "fuzz/fuzz.h"

using namespace mullion;

namespace {

void come_back(std::string_view text) {
  if (const auto place = events::EventPlace::parse(text))
    fuzz::require(place->text() == text, "a place has one text");
  if (const auto command = events::ResumeCommand::parse(text))
    fuzz::require(command->bytes() <= text.size() && !command->registrations.empty(),
                  "registrations are what was sent");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const std::string_view text = fuzz::next_part(rest);
  come_back(text);
  const auto pattern = events::EventPattern::parse(text);
  if (!pattern) return 0;
  const std::string_view type = fuzz::next_part(rest);
  const std::string_view action = fuzz::next_part(rest);
  const bool matches = pattern->matches(type, action, rest);
  if (text == "*.*.*") fuzz::require(matches, "*.*.* matches everything");
  return 0;
}
