// The machine of rollouts when who set one going may not go on.
#include <fmt/format.h>

#include "rollout/internal/stepper.h"

namespace mullion::rollout::internal {

void RolloutStepper::lapse() {
  switch (rollout_.state) {
    case RolloutState::kRunning:
    case RolloutState::kSoaking:
    case RolloutState::kPaused:
      return pause_lapsed();
    case RolloutState::kReturning:
      return end_lapsed_return();
    default:
      return;
  }
}

/// What is there already may be carried out and closed; what is not there is not put.
void RolloutStepper::pause_lapsed() {
  if (rollout_.state != RolloutState::kPaused) {
    rollout_.state = RolloutState::kPaused;
    rollout_.reason = lapse_;
    note(rollout_, now_, "paused: " + lapse_);
    changed();
  }
  Wave* wave = current_wave();
  if (wave == nullptr) return;
  for (EndpointProgress& endpoint : wave->endpoints) {
    const EndpointFacts& facts = facts_of(endpoint);
    if (endpoint.state != EndpointState::kPutting || facts.busy) continue;
    const auto had = rollout_.before.find(endpoint.id);
    if (had == rollout_.before.end() || facts.assigned != had->second) continue;
    rollout_.before.erase(had);  // its next turn begins with what it has then
    enter(endpoint, EndpointState::kWaiting);
  }
}

void RolloutStepper::end_lapsed_return() {
  bool busy = false;
  for (Wave& wave : rollout_.waves) {
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (endpoint.state != EndpointState::kToReturn && !is_under_way(endpoint.state)) continue;
      busy = busy || facts_of(endpoint).busy;
      if (!facts_of(endpoint).busy) enter(endpoint, EndpointState::kNotReturned, lapse_);
    }
  }
  if (busy) return;
  rollout_.reason = lapse_;
  end_return();
}

}  // namespace mullion::rollout::internal
