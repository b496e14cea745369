// What requests about some object types have that others do not, by name; shared code asks this table and
// never compares prefixes. What writes have is in hooks.h.
#pragma once

#include <string_view>

namespace mullion::api {

struct RequestRules {
  std::string_view prefix;
  /// Rights that writes and actions take beyond their own, as `asks` of schema/routes.yaml has them.
  std::string_view asks_of_writers = {};
  /// The same of writes of its parameters, whatever they are.
  std::string_view asks_of_param_writers = {};
  /// Filters on parameters see the aggregated value.
  bool aggregates_params = false;
};

/// Empty rules for types without any.
const RequestRules& request_rules(std::string_view prefix);

}  // namespace mullion::api
