// A version set of what an endpoint runs. Pure.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace mullion::plan {

/// A VersionSet object that plans nothing for an equal endpoint. `left_out` gets a line for each thing that
/// was not taken, with the reason: secrets, what must not be declared, files that are not at hand here.
json::object baseline_of(
    const Observed& observed, const std::string& name,
    const std::function<std::optional<PlanInputs::OwnFile>(const std::string&)>& own_file,
    std::vector<std::string>& left_out);

}  // namespace mullion::plan
