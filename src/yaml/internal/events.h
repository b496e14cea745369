// What libyaml, whose grammar is that of the readers people know, finds in a text: one event after the other.
#pragma once

#include <yaml.h>

#include <string>
#include <string_view>

namespace mullion::yaml {

/// Why a text is refused, and where. Thrown and caught inside this room only.
struct Refused {
  std::string why;
  size_t line = 0;         // 0: of the text as a whole
  bool too_large = false;  // a bound was met
  bool grammar = false;    // it is no YAML at all
};

/// One event; frees what libyaml allocated for it.
class Event {
 public:
  Event() : event_() {}
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t* get() { return &event_; }
  yaml_event_type_t type() const { return event_.type; }
  size_t line() const { return event_.start_mark.line + 1; }
  /// Name of the anchor of a node, or of what an alias refers to; empty: none.
  std::string_view anchor() const;
  /// "tag:yaml.org,2002:str" and the like; empty: none was written.
  std::string_view tag() const;
  /// Of a scalar.
  std::string_view text() const;
  bool is_plain() const { return event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }

 private:
  yaml_event_t event_;
};

/// A text being parsed. `text` must outlive it.
class Events {
 public:
  explicit Events(std::string_view text);
  ~Events() { yaml_parser_delete(&parser_); }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Throws Refused.
  void next(Event& event);

 private:
  yaml_parser_t parser_;
};

}  // namespace mullion::yaml
