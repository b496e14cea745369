// What a plan leaves in its Endpoint object, and the word for how things stand. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/internal/plan_executor.h"
#include "apply/internal/plan_maker.h"

namespace mullion::apply {

/// Sets Actions, Errors, Available, ActionErrorCount and, with the word of plan_fingerprint(), PlannedFor.
void write_verdict(const Plan& plan, const ApplyState& state, std::string_view planned_for,
                   json::object& endpoint);

/// Explained::state.
std::string state_word(const Planned& planned, const ApplyState& state, bool managing);

}  // namespace mullion::apply
