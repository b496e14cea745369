// What a client sends to go on where it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_pattern.h"
#include "events/event_place.h"

namespace mullion::events {

/// "PLACE", or nothing for now, and a registration in each line behind it.
struct ResumeCommand {
  std::string place_text;
  std::optional<EventPlace> place;
  std::vector<Registration> registrations;  // one at least
  size_t bytes() const;                     // of the texts of the registrations
  size_t words() const;                     // of all their parts

  /// kInvalid says what is wrong.
  static Result<ResumeCommand> parse(std::string_view text);
};

}  // namespace mullion::events
