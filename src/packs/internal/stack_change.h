// What a stack means, and whether the server may go from one to another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "packs/internal/effective.h"

namespace mullion::packs {

/// The objects of a stack, and as warnings what is wrong with them and with its layers.
Effective judge(const Stack& stack, const std::vector<std::string>& features,
                const store::Snapshot& snapshot);

/// The same after a change of layer `changed`, with a warning for everybody who uses what it drops. Refused
/// by the rules of check_requirements(), check_vanishing_preferences() and check_task_order().
Result<Effective> judge_change(const Stack& before, const Stack& after, const std::string& changed,
                               const std::vector<std::string>& features, const store::Snapshot& snapshot);

}  // namespace mullion::packs
