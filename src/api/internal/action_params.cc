#include "api/internal/action_params.h"

#include <fmt/format.h>

namespace mullion::api {
namespace {

namespace json = boost::json;

/// Null counts as unset, as for parameters of objects.
json::value value_of(std::string_view name, const ActionSources& sources) {
  for (const json::object* source : {&sources.given, &sources.object}) {
    const json::value* value = source->if_contains(name);
    if (value != nullptr && !value->is_null()) return *value;
  }
  return sources.default_of(name);
}

}  // namespace

std::string missing_parameter(const plugins::ProviderAction& action, const ActionSources& sources) {
  for (const std::string& name : action.required) {
    if (value_of(name, sources).is_null()) return name;
  }
  return {};
}

Result<json::object> action_parameters(const plugins::ProviderAction& action, const ActionSources& sources) {
  const std::string missing = missing_parameter(action, sources);
  if (!missing.empty()) {
    return Error(ErrorCode::kInvalid, fmt::format("Action {} Missing Parameter {}", action.command, missing));
  }
  json::object out = sources.given;
  for (const auto* names : {&action.required, &action.optional}) {
    for (const std::string& name : *names) {
      json::value value = value_of(name, sources);
      if (!value.is_null()) out[name] = std::move(value);
    }
  }
  std::vector<std::string> problems;
  for (const auto& [name, value] : out) {
    for (const std::string& reason : sources.problems_of(name, value)) {
      problems.push_back(fmt::format("Action {}: Invalid Parameter: {}: : {}", action.command,
                                     std::string_view(name), reason));
    }
  }
  if (problems.empty()) return out;
  return Error(ErrorCode::kInvalid, "", "", "", std::move(problems));
}

}  // namespace mullion::api
