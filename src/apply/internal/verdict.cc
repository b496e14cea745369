#include "apply/internal/verdict.h"

#include "model/members.h"

namespace mullion::apply {
namespace {

/// An object is no log.
constexpr size_t kMostErrors = 100;
constexpr size_t kLongestError = 1000;

void append(json::array& errors, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (errors.size() == kMostErrors) return;
    errors.emplace_back(text.substr(0, kLongestError));
  }
}

}  // namespace

void write_verdict(const Plan& plan, const ApplyState& state, std::string_view planned_for,
                   json::object& endpoint) {
  json::array actions;
  for (const plan::Action& action : plan.actions) actions.emplace_back(action.element_action());
  json::array errors;
  append(errors, plan.problems);
  append(errors, state.errors);
  const json::value* validated = endpoint.if_contains("Validated");
  const bool valid = validated == nullptr || *validated == json::value(true);
  endpoint["Available"] = valid && errors.empty();
  endpoint["Actions"] = std::move(actions);
  endpoint["Errors"] = std::move(errors);
  endpoint["ActionErrorCount"] = state.failed;
  endpoint["PlannedFor"] = planned_for;
}

std::string state_word(const Planned& planned, const ApplyState& state, bool managing) {
  if (!managing) return "not managing";
  if (planned.disabled) return "disabled";
  if (model::text_member(planned.object, "ConnectionStatus") != "Connected") return "not connected";
  return state.state.empty() ? "idle" : state.state;
}

}  // namespace mullion::apply
