#include "yaml/internal/events.h"

#include <new>

namespace mullion::yaml {

namespace {

std::string_view view_of(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

}  // namespace

std::string_view Event::anchor() const {
  switch (event_.type) {
    case YAML_ALIAS_EVENT:
      return view_of(event_.data.alias.anchor);
    case YAML_SCALAR_EVENT:
      return view_of(event_.data.scalar.anchor);
    case YAML_SEQUENCE_START_EVENT:
      return view_of(event_.data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
      return view_of(event_.data.mapping_start.anchor);
    default:
      return {};
  }
}

std::string_view Event::tag() const {
  switch (event_.type) {
    case YAML_SCALAR_EVENT:
      return view_of(event_.data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
      return view_of(event_.data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
      return view_of(event_.data.mapping_start.tag);
    default:
      return {};
  }
}

std::string_view Event::text() const {
  return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
}

Events::Events(std::string_view text) : parser_() {
  if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
  yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

void Events::next(Event& event) {
  if (yaml_parser_parse(&parser_, event.get()) != 0) return;
  if (parser_.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
  const std::string why = parser_.problem != nullptr ? parser_.problem : "cannot be understood";
  // Bytes that are no text are found before there are lines.
  if (parser_.error == YAML_READER_ERROR)
    throw Refused{why + " at byte " + std::to_string(parser_.problem_offset), 0, false, true};
  throw Refused{why, parser_.problem_mark.line + 1, false, true};
}

}  // namespace mullion::yaml
