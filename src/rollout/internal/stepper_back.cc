// The machine of rollouts on its way back, and aside.
#include <fmt/format.h>

#include <algorithm>

#include "rollout/internal/stepper.h"

namespace mullion::rollout::internal {

void RolloutStepper::give_back() {
  size_t working = under_way();
  bool left = false;
  for (auto wave = rollout_.waves.rbegin(); wave != rollout_.waves.rend(); ++wave) {
    for (EndpointProgress& endpoint : wave->endpoints) {
      if (facts_of(endpoint).busy) {
        left = left || endpoint.state == EndpointState::kToReturn || is_under_way(endpoint.state);
        continue;
      }
      if (endpoint.state == EndpointState::kToReturn && working < plan().concurrency) {
        enter(endpoint, EndpointState::kReturning);
        wake_at(now_);
        ++working;
      } else {
        give_back_endpoint(endpoint);
      }
      left = left || endpoint.state == EndpointState::kToReturn || is_under_way(endpoint.state);
    }
  }
  if (!left) end_return();
}

void RolloutStepper::give_back_endpoint(EndpointProgress& endpoint) {
  const auto had = rollout_.before.find(endpoint.id);
  if (had == rollout_.before.end()) return;
  if (endpoint.state == EndpointState::kReturning) carry_back(endpoint, had->second);
  if (endpoint.state == EndpointState::kRestoring) reach(endpoint, had->second, EndpointState::kReturned);
}

bool RolloutStepper::reach(EndpointProgress& endpoint, const Assignment& wanted, EndpointState then) {
  const EndpointFacts& facts = facts_of(endpoint);
  if (!facts.exists && facts.current) {
    enter(endpoint, EndpointState::kReturned, trouble_of(facts));
    return true;
  }
  // Whose manager is detached or away is no endpoint that is gone: it may have the new sets still.
  if (!facts.exists) {
    if (passed(*endpoint.since, plan().endpoint_limit))
      enter(endpoint, EndpointState::kNotReturned, trouble_of(facts));
    return false;
  }
  if (facts.assigned == wanted && facts.current) {
    if (endpoint.state != then) enter(endpoint, then, endpoint.reason);
    return true;
  }
  // A change whose answer was lost may have reached an owner that is away: what is known of it is no proof.
  const bool unsure = facts.assigned == wanted;
  if (unsure ? in_trouble(endpoint) : passed(*endpoint.since, plan().endpoint_limit)) {
    enter(endpoint, EndpointState::kNotReturned, reason_of(facts));
    return false;
  }
  if (!unsure) put(endpoint, wanted);
  return false;
}

void RolloutStepper::carry_back(EndpointProgress& endpoint, const Assignment& had) {
  Assignment wanted = had;
  wanted.apply = had.apply || plan().apply;
  if (!reach(endpoint, wanted, EndpointState::kReturning) || endpoint.state != EndpointState::kReturning)
    return;
  std::string remains;
  if (wanted.apply && !facts_of(endpoint).disabled && !is_calm(endpoint)) {
    const bool long_enough = in_trouble(endpoint);
    if (!passed(*endpoint.since, plan().wave_limit) && !long_enough) return;
    remains = fmt::format("its sets are back, {} actions remain: {}", facts_of(endpoint).actions,
                          reason_of(facts_of(endpoint)));
  }
  const bool restore = had.apply != wanted.apply;
  enter(endpoint, restore ? EndpointState::kRestoring : EndpointState::kReturned, remains);
}

void RolloutStepper::end_return() {
  std::vector<std::string> stuck;
  for (const Wave& wave : rollout_.waves) {
    for (const EndpointProgress& endpoint : wave.endpoints) {
      if (endpoint.state == EndpointState::kNotReturned) stuck.push_back(endpoint.id);
    }
  }
  rollout_.state = stuck.empty() ? RolloutState::kReturned : RolloutState::kFailed;
  rollout_.ended = now_;
  if (!stuck.empty()) {
    constexpr size_t kMostNamed = 10;
    const size_t more = stuck.size() > kMostNamed ? stuck.size() - kMostNamed : 0;
    stuck.resize(stuck.size() - more);
    rollout_.reason += fmt::format("; not returned: {}{}", fmt::join(stuck, ", "),
                                   more == 0 ? "" : fmt::format(" and {} more", more));
  }
  note(rollout_, now_, stuck.empty() ? "returned" : "failed: " + rollout_.reason);
  changed();
}

void RolloutStepper::leave() {
  bool left = true;
  for (Wave& wave : rollout_.waves) {
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (endpoint.state == EndpointState::kLeaving && !facts_of(endpoint).busy) leave_endpoint(endpoint);
      left = left && endpoint.state != EndpointState::kLeaving;
    }
  }
  if (!left) return;
  rollout_.state = RolloutState::kAborted;
  rollout_.ended = now_;
  note(rollout_, now_, "aborted");
  changed();
}

void RolloutStepper::leave_endpoint(EndpointProgress& endpoint) {
  const EndpointFacts& facts = facts_of(endpoint);
  const auto had = rollout_.before.find(endpoint.id);
  if (had == rollout_.before.end() || (!facts.exists && facts.current))
    return enter(endpoint, EndpointState::kLeft);
  const bool restored = facts.assigned.apply == had->second.apply;
  if (restored && facts.current) return enter(endpoint, EndpointState::kLeft);
  if (passed(*endpoint.since, plan().endpoint_limit))
    return enter(endpoint, EndpointState::kLeft, "its Apply could not be set back: " + reason_of(facts));
  if (restored || !facts.exists) return;  // as far as is known: see reach()
  Assignment wanted = facts.assigned;
  wanted.apply = had->second.apply;
  put(endpoint, wanted);
}

}  // namespace mullion::rollout::internal
