// The machine of rollouts on its way forward: an endpoint's turn.
#include "rollout/internal/stepper.h"

namespace mullion::rollout::internal {

void RolloutStepper::watch(Wave& wave, bool limits) {
  for (EndpointProgress& endpoint : wave.endpoints) {
    if (!facts_of(endpoint).busy) watch_endpoint(endpoint, limits);
  }
}

void RolloutStepper::watch_endpoint(EndpointProgress& endpoint, bool limits) {
  const auto had = rollout_.before.find(endpoint.id);
  if (had == rollout_.before.end()) return;
  const Assignment wanted = plan().wanted(had->second);
  if (endpoint.state == EndpointState::kPutting) put_sets(endpoint, had->second, wanted, limits);
  if (endpoint.state == EndpointState::kApplying) see_applied(endpoint, had->second, wanted, limits);
  if (endpoint.state == EndpointState::kClosing) close(endpoint, had->second, wanted, limits);
  if (endpoint.state == EndpointState::kDone && limits && in_trouble(endpoint))
    fail(endpoint, "after it was done: " + trouble_of(facts_of(endpoint)));
}

void RolloutStepper::changed_by_others(EndpointProgress& endpoint) {
  fail(endpoint, "its version sets or Apply were changed by somebody else");
}

void RolloutStepper::put_sets(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted,
                              bool limits) {
  const EndpointFacts& facts = facts_of(endpoint);
  if (!facts.exists) return fail(endpoint, trouble_of(facts));
  if (facts.assigned == wanted) return enter(endpoint, EndpointState::kApplying);
  if (facts.assigned != had) return changed_by_others(endpoint);
  if (limits && passed(*endpoint.since, plan().endpoint_limit))
    return fail(endpoint, "its version sets could not be put: " + reason_of(facts));
  put(endpoint, wanted);
}

void RolloutStepper::see_applied(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted,
                                 bool limits) {
  const EndpointFacts& facts = facts_of(endpoint);
  if (!facts.exists) return fail(endpoint, trouble_of(facts));
  if (facts.assigned != wanted) return changed_by_others(endpoint);
  if (facts.disabled) return fail(endpoint, std::string(kNoPlans));
  if (is_calm(endpoint)) {
    enter(endpoint, had.apply == wanted.apply ? EndpointState::kDone : EndpointState::kClosing);
    return;
  }
  if (limits && in_trouble(endpoint)) fail(endpoint, trouble_of(facts));
}

void RolloutStepper::close(EndpointProgress& endpoint, const Assignment& had, Assignment wanted,
                           bool limits) {
  const EndpointFacts& facts = facts_of(endpoint);
  const Assignment open = wanted;
  wanted.apply = had.apply;
  if (!facts.exists) return fail(endpoint, trouble_of(facts));
  if (facts.assigned == wanted) return enter(endpoint, EndpointState::kDone);
  if (facts.assigned != open) return changed_by_others(endpoint);
  if (limits && passed(*endpoint.since, plan().endpoint_limit))
    return fail(endpoint, "its Apply could not be set back: " + reason_of(facts));
  put(endpoint, wanted);
}

}  // namespace mullion::rollout::internal
