#include "events/event_place.h"

#include <charconv>

namespace mullion::events {
namespace {

/// Takes a number and the dash behind it off `rest`. False when there is none.
bool take_number(std::string_view& rest, int base, uint64_t& out) {
  const std::string_view digits = rest.substr(0, rest.find('-'));
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return false;
  rest.remove_prefix(std::min(rest.size(), digits.size() + 1));
  return true;
}

}  // namespace

Result<EventPlace> EventPlace::parse(std::string_view text) {
  EventPlace place;
  std::string_view rest = text;
  bool sound = take_number(rest, 16, place.cursor.epoch) && take_number(rest, 10, place.cursor.seq);
  if (sound && !rest.empty()) sound = take_number(rest, 10, place.changes) && rest.empty();
  // One text for one place.
  if (!sound || place.text() != text) return Error(ErrorCode::kInvalid, "This is not the Cursor of an event");
  return place;
}

std::string EventPlace::text() const {
  if (changes == kWhole) return fmt::format("{:x}-{}", cursor.epoch, cursor.seq);
  return fmt::format("{:x}-{}-{}", cursor.epoch, cursor.seq, changes);
}

}  // namespace mullion::events
