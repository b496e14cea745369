// What the pseudo plugin `manager` can do.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/internal/call.h"

namespace mullion::api {

inline constexpr std::string_view kManagerPlugin = "manager";

struct ManagerAction {
  std::string_view command;
  std::span<const std::string_view> required, optional;  // names of parameters
  /// The JSON text of the answer. The parameters are the body of the call.
  env::Task<Result<std::string>> (*run)(Call& call);
};

std::span<const ManagerAction> manager_actions();
/// nullptr for unknown commands.
const ManagerAction* find_manager_action(std::string_view command);

/// kBadRequest names what the action does not know: a flag that is spelt wrong must not be passed over.
Result<void> check_parameters(const ManagerAction& action, std::string_view body);

}  // namespace mullion::api
