#include "yaml/internal/exact_numbers.h"

#include <simdjson.h>

#include <algorithm>
#include <boost/json.hpp>

namespace mullion::yaml {

namespace {

namespace json = boost::json;
namespace dom = simdjson::dom;

bool holds_fractions(const json::value& value) {
  if (const json::array* array = value.if_array()) return std::ranges::any_of(*array, holds_fractions);
  if (const json::object* object = value.if_object()) {
    return std::ranges::any_of(*object, [](const auto& member) { return holds_fractions(member.value()); });
  }
  return value.is_double();
}

/// Both readers keep members in the order of the text.
void take_fractions(json::value& value, dom::element exact) {
  dom::array items;
  dom::object members;
  double number = 0;
  if (value.is_double()) {
    if (exact.get(number) == simdjson::SUCCESS) value = number;
  } else if (value.is_array() && exact.get(items) == simdjson::SUCCESS) {
    auto item = items.begin();
    for (json::value& inner : value.get_array()) {
      if (item == items.end()) return;
      take_fractions(inner, *item);
      ++item;
    }
  } else if (value.is_object() && exact.get(members) == simdjson::SUCCESS) {
    auto member = members.begin();
    for (auto& inner : value.get_object()) {
      if (member == members.end()) return;
      take_fractions(inner.value(), member.value());
      ++member;
    }
  }
}

}  // namespace

void read_fractions_exactly(std::string_view text, json::value& value) {
  if (!holds_fractions(value)) return;
  dom::parser parser;
  dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS) take_fractions(value, root);
}

}  // namespace mullion::yaml
