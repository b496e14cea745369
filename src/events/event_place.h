// Places among the events, which readers keep to go on from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/types.h"

namespace mullion::events {

/// Behind the first `changes` changes of the commit at `cursor`, and behind everything before it.
struct EventPlace {
  static constexpr uint64_t kWhole = UINT64_MAX;  // behind all changes of the commit
  store::Cursor cursor;
  uint64_t changes = kWhole;

  /// What text() made. kInvalid.
  static Result<EventPlace> parse(std::string_view text);
  /// EPOCH-SEQ or EPOCH-SEQ-CHANGES, the epoch in hexadecimal; clients do not look into it.
  std::string text() const;
  bool operator==(const EventPlace&) const = default;
};

}  // namespace mullion::events
