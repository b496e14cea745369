// One action against one endpoint: look, act, look again.
#pragma once

#include "apply/internal/upload.h"
#include "plan/plan.h"

namespace mullion::apply {

using plan::Action;
using versionset::Kind;

/// What an action came to.
enum class Effect {
  kNone,     // the endpoint was as wanted already
  kChanged,  // it is now
};

/// How long a server may take to come back with another version.
struct RestartPatience {
  env::Duration deadline = std::chrono::minutes(5);
  env::Duration pause = std::chrono::seconds(1);  // between two looks
};

/// Carries `action` out. Errors say what the endpoint refused and why, or that the way to it broke
/// (is_broken()).
Task<Result<Effect>> carry_out(const Target& target, const Action& action, RestartPatience patience = {});

// By kind.
Task<Result<Effect>> carry_out_component(const Target& target, const Action& action);
Task<Result<Effect>> carry_out_file(const Target& target, const Action& action);
Task<Result<Effect>> carry_out_server(const Target& target, const Action& action, RestartPatience patience);
Task<Result<Effect>> carry_out_plugin(const Target& target, const Action& action);
Task<Result<Effect>> carry_out_pref(const Target& target, const Action& action);
Task<Result<Effect>> carry_out_global(const Target& target, const Action& action);

/// The endpoint took it and does not show it.
Error not_shown(const Action& action, std::string_view shown);

}  // namespace mullion::apply
