// Registrations for events, and the events they are asked about: four texts divided by zero bytes.
#include "events/event_pattern.h"
#include "fuzz/fuzz.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const std::string_view text = fuzz::next_part(rest);
  const auto pattern = events::EventPattern::parse(text);
  if (!pattern) return 0;
  const std::string_view type = fuzz::next_part(rest);
  const std::string_view action = fuzz::next_part(rest);
  const bool matches = pattern->matches(type, action, rest);
  if (text == "*.*.*") fuzz::require(matches, "*.*.* matches everything");
  return 0;
}
