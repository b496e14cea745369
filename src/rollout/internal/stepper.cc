// The machine of rollouts: what its parts share.
#include "rollout/internal/stepper.h"

#include <fmt/format.h>

#include <algorithm>

namespace mullion::rollout::internal {

RolloutStep RolloutStepper::run() {
  if (!lapse_.empty()) lapse();
  switch (rollout_.state) {
    case RolloutState::kRunning:
    case RolloutState::kSoaking:
      work();
      break;
    case RolloutState::kPaused:
      if (Wave* wave = current_wave()) watch(*wave, false);
      break;
    case RolloutState::kReturning:
      give_back();
      break;
    case RolloutState::kAborting:
      leave();
      break;
    default:
      break;
  }
  return std::move(step_);
}

void RolloutStepper::wake_at(env::WallTime time) {
  if (!step_.wake || time < *step_.wake) step_.wake = time;
}
bool RolloutStepper::passed(env::WallTime begin, env::Duration duration) {
  if (now_ >= begin + duration) return true;
  wake_at(begin + duration);
  return false;
}

const EndpointFacts& RolloutStepper::facts_of(const EndpointProgress& endpoint) const {
  static const EndpointFacts nothing;
  const auto found = facts_.find(endpoint.id);
  return found == facts_.end() ? nothing : found->second;
}

void RolloutStepper::enter(EndpointProgress& endpoint, EndpointState state, std::string reason) {
  endpoint.state = state;
  endpoint.reason = std::move(reason);
  endpoint.since = now_;
  endpoint.calm_since.reset();
  endpoint.trouble_since.reset();
  changed();
}

void RolloutStepper::fail(EndpointProgress& endpoint, const std::string& reason) {
  enter(endpoint, EndpointState::kFailed, reason);
  note(rollout_, now_, fmt::format("endpoint {} failed: {}", endpoint.id, reason));
}

void RolloutStepper::put(const EndpointProgress& endpoint, const Assignment& wanted) {
  step_.puts.push_back({endpoint.id, endpoint.owner, facts_of(endpoint).assigned, wanted});
}

Wave* RolloutStepper::current_wave() {
  for (Wave& wave : rollout_.waves) {
    if (wave.started && !wave.ended) return &wave;
  }
  return nullptr;
}

size_t RolloutStepper::under_way() const {
  size_t count = 0;
  for (const Wave& wave : rollout_.waves) {
    count += static_cast<size_t>(std::ranges::count_if(
        wave.endpoints, [](const EndpointProgress& endpoint) { return is_under_way(endpoint.state); }));
  }
  return count;
}

std::string RolloutStepper::trouble_of(const EndpointFacts& facts) {
  if (!facts.exists)
    return facts.current ? "its Endpoint object is gone"
                         : "the manager that has it is not known to be current";
  if (!facts.held_up.empty()) return facts.held_up;
  if (!facts.connected) return "it is not connected";
  if (!facts.current) return "what its owner has of it is not known now";
  if (!facts.errors.empty()) return facts.errors.front();
  if (facts.failed_actions > 0) return fmt::format("{} actions failed", facts.failed_actions);
  return "";
}

std::string RolloutStepper::reason_of(const EndpointFacts& facts) {
  if (!facts.trouble.empty()) return facts.trouble;
  const std::string trouble = trouble_of(facts);
  return trouble.empty() ? "no answer" : trouble;
}

bool RolloutStepper::in_trouble(EndpointProgress& endpoint) {
  const bool trouble = !trouble_of(facts_of(endpoint)).empty();
  if (trouble != endpoint.trouble_since.has_value()) {
    endpoint.trouble_since = trouble ? Moment(now_) : Moment();
    changed();
  }
  return trouble && passed(*endpoint.trouble_since, plan().endpoint_limit);
}

bool RolloutStepper::is_calm(EndpointProgress& endpoint) {
  const EndpointFacts& facts = facts_of(endpoint);
  const bool calm = trouble_of(facts).empty() && facts.planned && facts.actions == 0;
  if (calm != endpoint.calm_since.has_value()) {
    endpoint.calm_since = calm ? Moment(now_) : Moment();
    // That it has become calm may be forgotten: then it settles anew. That it no longer is may not.
    if (!calm) changed();
  }
  return calm && passed(*endpoint.calm_since, plan().settle);
}

}  // namespace mullion::rollout::internal

namespace mullion::rollout {

RolloutStep next_step(const Rollout& rollout, const Facts& facts, env::WallTime now,
                      const std::optional<GateAnswer>& gate, const std::string& lapse) {
  return internal::RolloutStepper(rollout, facts, now, gate, lapse).run();
}

}  // namespace mullion::rollout
