// Structures that rooms or servers hand each other as JSON (schema/messages.yaml), as types.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mullion::model {

namespace json = boost::json;

// Each has `static T read(const json::object&)`, `json::object write() const` and equality. A member that is
// absent or of another kind is not there; so is an element of a list or map.
#include "model/messages.inc"

template <typename Message>
std::string message_text(const Message& message) {
  return json::serialize(message.write());
}

/// kBadRequest when `text` is no JSON object.
template <typename Message>
Result<Message> read_message(std::string_view text) {
  const Result<json::object> object = parse_json_object(text, 256);
  if (!object) return object.error();
  return Message::read(*object);
}

}  // namespace mullion::model
