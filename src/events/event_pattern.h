// Registrations for events: which events a websocket wants (contract: events.md section 2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::events {

/// One registration "TYPE.ACTION.KEY": each part `*` or a list of exact words.
class EventPattern {
 public:
  /// kInvalid when there are no three parts.
  static Result<EventPattern> parse(std::string_view text);
  bool matches(std::string_view type, std::string_view action, std::string_view key) const;

  struct Part {
    bool any = false;
    std::vector<std::string> words;
    bool matches(std::string_view word) const;
  };
  const Part& type() const { return type_; }
  const Part& key() const { return key_; }
  /// How many there are in all parts.
  size_t words() const { return type_.words.size() + action_.words.size() + key_.words.size(); }

 private:
  static Part parse_part(std::string_view text);
  Part type_, action_, key_;
};

/// A pattern as its reader wrote it.
struct Registration {
  std::string text;
  EventPattern pattern;
};

}  // namespace mullion::events
