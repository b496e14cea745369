// The machine of rollouts on its way forward: waves, their ends and their gates.
#include <fmt/format.h>

#include <algorithm>

#include "rollout/internal/stepper.h"

namespace mullion::rollout::internal {
namespace {

bool over(const EndpointProgress& endpoint) {
  return endpoint.state == EndpointState::kDone || endpoint.state == EndpointState::kFailed;
}

size_t failed_in(const Wave& wave) {
  return static_cast<size_t>(
      std::ranges::count(wave.endpoints, EndpointState::kFailed, &EndpointProgress::state));
}

}  // namespace

void RolloutStepper::work() {
  Wave* wave = current_wave();
  if (wave == nullptr) wave = begin_wave();
  if (wave == nullptr) return finish();
  watch(*wave, true);
  if (stopped(*wave)) return;
  if (!begin_turns(*wave)) return;
  soak(*wave);
}

Wave* RolloutStepper::begin_wave() {
  for (Wave& wave : rollout_.waves) {
    if (wave.started) continue;
    wave.started = now_;
    wave.state = "running";
    rollout_.state = RolloutState::kRunning;
    note(rollout_, now_,
         fmt::format("wave {} ({}) begins: {} endpoints", number_of(wave), wave.name, wave.endpoints.size()));
    changed();
    return &wave;
  }
  return nullptr;
}

size_t RolloutStepper::number_of(const Wave& wave) const {
  return static_cast<size_t>(&wave - rollout_.waves.data()) + 1;
}

void RolloutStepper::finish() {
  const auto [failed, all] = failed_endpoints();
  // Failures that were put up with are failures all the same: `done` means everywhere.
  rollout_.state = failed == 0 ? RolloutState::kDone : RolloutState::kFailed;
  rollout_.ended = now_;
  rollout_.reason = failed == 0 ? "" : fmt::format("{} of {} endpoints failed", failed, all);
  note(rollout_, now_, failed == 0 ? "done" : "failed: " + rollout_.reason);
  changed();
}

std::pair<size_t, size_t> RolloutStepper::failed_endpoints() const {
  size_t failed = 0, all = 0;
  for (const Wave& wave : rollout_.waves) {
    if (!wave.started) continue;
    all += wave.endpoints.size();
    failed += failed_in(wave);
  }
  return {failed, all};
}

bool RolloutStepper::stopped(Wave& wave) {
  const bool working = !std::ranges::all_of(wave.endpoints, over);
  if (working && passed(*wave.started, plan().wave_limit)) {
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (is_under_way(endpoint.state)) fail(endpoint, "not done within the wave's limit");
    }
    stop(wave, fmt::format("wave {} took longer than its limit", number_of(wave)));
    return true;
  }
  const auto [failed, all] = failed_endpoints();
  const bool many = plan().most_failed && failed >= *plan().most_failed;
  const bool much =
      plan().most_failed_percent && failed > 0 &&
      static_cast<double>(failed) * 100 >= *plan().most_failed_percent * static_cast<double>(all);
  if (many || much) {
    stop(wave, fmt::format("{} of {} endpoints failed", failed, all));
    return true;
  }
  // Of a wave that went well nowhere the next one learns nothing, whatever may be put up with.
  if (working || failed_in(wave) < wave.endpoints.size()) return false;
  stop(wave, fmt::format("every endpoint of wave {} failed", number_of(wave)));
  return true;
}

void RolloutStepper::stop(Wave& wave, const std::string& reason) {
  changed();
  if (plan().return_on_failure) return begin_return(rollout_, now_, reason);
  wave.state = "failed";
  rollout_.state = RolloutState::kPaused;
  rollout_.reason = reason;
  note(rollout_, now_, "paused: " + reason);
}

bool RolloutStepper::begin_turns(Wave& wave) {
  size_t working = under_way();
  bool waiting = false;
  for (EndpointProgress& endpoint : wave.endpoints) {
    if (endpoint.state != EndpointState::kWaiting) continue;
    waiting = true;
    if (working >= plan().concurrency || facts_of(endpoint).busy) continue;
    begin_turn(endpoint);
    if (is_under_way(endpoint.state)) ++working;
  }
  return !waiting && working == 0;
}

void RolloutStepper::begin_turn(EndpointProgress& endpoint) {
  const EndpointFacts& facts = facts_of(endpoint);
  if (!facts.exists) return fail(endpoint, trouble_of(facts));
  if (facts.disabled) return fail(endpoint, std::string(kNoPlans));
  rollout_.before.try_emplace(endpoint.id, facts.assigned);
  endpoint.started = now_;
  enter(endpoint, EndpointState::kPutting);
  wake_at(now_);  // what it had is stored before anything is put
}

void RolloutStepper::soak(Wave& wave) {
  if (!wave.soaking) {
    wave.soaking = now_;
    wave.soak_until = now_ + plan().soak;
    wave.state = "soaking";
    rollout_.state = RolloutState::kSoaking;
    note(rollout_, now_, fmt::format("wave {} soaks", number_of(wave)));
    changed();
  }
  if (!passed(*wave.soak_until, env::Duration::zero())) return;
  if (!plan().gate) return end_wave(wave);
  // Of an endpoint that is dark nobody knows whether the gate holds: its limit decides.
  const bool dark = std::ranges::any_of(wave.endpoints, [this](const EndpointProgress& endpoint) {
    return endpoint.state == EndpointState::kDone && !facts_of(endpoint).connected;
  });
  if (dark) return;
  if (!gate_) {
    step_.asks_gate = true;
    return;
  }
  judge(wave, *gate_);
}

void RolloutStepper::judge(Wave& wave, const GateAnswer& answer) {
  const GateRule& rule = *plan().gate;
  const std::string text = answer.count ? fmt::format("{} {} match, wanted {} {}", *answer.count,
                                                      rule.collection, rule.comparison, rule.count)
                                        : answer.problem;
  if (wave.gate != text) {
    wave.gate = text;
    changed();
  }
  if (answer.count && rule.holds(*answer.count)) return end_wave(wave);
  if (!passed(*wave.soak_until, rule.patience)) return;
  stop(wave, fmt::format("the gate of wave {} does not hold: {}", number_of(wave), text));
}

void RolloutStepper::end_wave(Wave& wave) {
  const size_t failed = failed_in(wave);
  wave.state = failed == 0 ? "done" : "failed";
  wave.ended = now_;
  const std::string outcome =
      failed == 0 ? "is done"
                  : fmt::format("has ended, {} of {} endpoints failed", failed, wave.endpoints.size());
  note(rollout_, now_,
       fmt::format("wave {} {}{}{}", number_of(wave), outcome, wave.gate.empty() ? "" : ": ", wave.gate));
  changed();
  wake_at(now_);
}

}  // namespace mullion::rollout::internal
