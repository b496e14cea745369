#include "model/secure_params.h"

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>

namespace mullion::model {

bool is_sealed(const boost::json::value& value) {
  constexpr std::array<std::string_view, 3> kParts = {"Key", "Nonce", "Payload"};
  if (!value.is_object() || value.get_object().size() != kParts.size()) return false;
  return std::ranges::all_of(kParts, [&](std::string_view name) {
    const boost::json::value* part = value.get_object().if_contains(name);
    return part != nullptr && part->is_string();
  });
}

bool holds_sealed(const boost::json::value& value) {
  if (is_sealed(value)) return true;
  if (value.is_array()) return std::ranges::any_of(value.get_array(), holds_sealed);
  return value.is_object() && std::ranges::any_of(value.get_object(), [](const auto& member) {
           return holds_sealed(member.value());
         });
}

}  // namespace mullion::model
