// Where the values of an action's parameters come from, and whether they will do. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plugins/providers.h"

namespace mullion::api {

/// The sources, nearest first: what the caller gave, what the object has (all levels, opened), the default of
/// the Param.
struct ActionSources {
  const boost::json::object& given;
  const boost::json::object& object;
  std::function<boost::json::value(std::string_view name)> default_of;  // null: none
  /// What the Param's schema has against a value.
  std::function<std::vector<std::string>(std::string_view name, const boost::json::value& value)> problems_of;
};

/// The first required parameter that has no value anywhere; empty when all have one.
std::string missing_parameter(const plugins::ProviderAction& action, const ActionSources& sources);

/// Everything the plugin gets: what the caller gave, and the action's own parameters from wherever they come.
/// kInvalid INVOKE "Action C Missing Parameter P" or "Action C: Invalid Parameter: P: : reason".
Result<boost::json::object> action_parameters(const plugins::ProviderAction& action,
                                              const ActionSources& sources);

}  // namespace mullion::api
