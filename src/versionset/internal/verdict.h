// What a plan leaves in its Endpoint object, and the word for how things stand. Pure.
#pragma once

#include <string>
#include <vector>

#include "versionset/internal/apply_seam.h"
#include "versionset/internal/plan_maker.h"

namespace mullion::versionset {

/// Sets Actions, Errors, Available and ActionErrorCount.
void write_verdict(const Plan& plan, const ApplyState& state, json::object& endpoint);

/// Explained::state.
std::string state_word(const Planned& planned, const ApplyState& state, bool managing);

}  // namespace mullion::versionset
