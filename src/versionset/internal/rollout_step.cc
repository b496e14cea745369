// The machine of rollouts: one step from facts to what is to be stored and put.
#include <fmt/format.h>

#include <algorithm>

#include "versionset/internal/rollout_parts.h"

namespace mullion::versionset {
namespace {

class Machine {
 public:
  Machine(const Rollout& rollout, const Facts& facts, env::WallTime now,
          const std::optional<GateAnswer>& gate)
      : rollout_(step_.next), facts_(facts), now_(now), gate_(gate) {
    rollout_ = rollout;
  }

  RolloutStep run() {
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

 private:
  const RolloutPlan& plan() const { return rollout_.plan; }
  void changed() { step_.changed = true; }

  void wake_at(env::WallTime time) {
    if (!step_.wake || time < *step_.wake) step_.wake = time;
  }
  /// Whether `duration` has passed since `begin`; else the step is called again when it has.
  bool passed(env::WallTime begin, env::Duration duration) {
    if (now_ >= begin + duration) return true;
    wake_at(begin + duration);
    return false;
  }

  const EndpointFacts& facts_of(const EndpointProgress& endpoint) const {
    static const EndpointFacts nothing;
    const auto found = facts_.find(endpoint.id);
    return found == facts_.end() ? nothing : found->second;
  }

  void enter(EndpointProgress& endpoint, EndpointState state, std::string reason = "") {
    endpoint.state = state;
    endpoint.reason = std::move(reason);
    endpoint.since = now_;
    endpoint.calm_since.reset();
    endpoint.trouble_since.reset();
    changed();
  }

  void fail(EndpointProgress& endpoint, const std::string& reason) {
    enter(endpoint, EndpointState::kFailed, reason);
    internal::note(rollout_, now_, fmt::format("endpoint {} failed: {}", endpoint.id, reason));
  }

  void put(const EndpointProgress& endpoint, const Assignment& wanted) {
    step_.puts.push_back({endpoint.id, endpoint.owner, facts_of(endpoint).assigned, wanted});
  }

  Wave* current_wave() {
    for (Wave& wave : rollout_.waves) {
      if (wave.started && !wave.ended) return &wave;
    }
    return nullptr;
  }

  size_t under_way() const {
    size_t count = 0;
    for (const Wave& wave : rollout_.waves) {
      count += static_cast<size_t>(std::ranges::count_if(
          wave.endpoints, [](const EndpointProgress& endpoint) { return is_under_way(endpoint.state); }));
    }
    return count;
  }

  // ---- an endpoint as it looks

  static std::string trouble_of(const EndpointFacts& facts) {
    if (!facts.exists) return "its Endpoint object is gone";
    if (!facts.connected) return "it is not connected";
    if (!facts.errors.empty()) return facts.errors.front();
    if (facts.failed_actions > 0) return fmt::format("{} actions failed", facts.failed_actions);
    return "";
  }

  /// Whether it has been in trouble for too long. Remembers since when.
  bool in_trouble(EndpointProgress& endpoint) {
    const bool trouble = !trouble_of(facts_of(endpoint)).empty();
    if (trouble != endpoint.trouble_since.has_value()) {
      endpoint.trouble_since = trouble ? Moment(now_) : Moment();
      changed();
    }
    return trouble && passed(*endpoint.trouble_since, plan().endpoint_limit);
  }

  /// Whether it has looked done for long enough. Remembers since when.
  bool is_calm(EndpointProgress& endpoint) {
    const EndpointFacts& facts = facts_of(endpoint);
    const bool calm = trouble_of(facts).empty() && facts.actions == 0;
    if (calm != endpoint.calm_since.has_value()) {
      endpoint.calm_since = calm ? Moment(now_) : Moment();
      changed();
    }
    return calm && passed(*endpoint.calm_since, plan().settle);
  }

  // ---- forward

  void work() {
    Wave* wave = current_wave();
    if (wave == nullptr) wave = begin_wave();
    if (wave == nullptr) return finish();
    watch(*wave, true);
    if (stopped(*wave)) return;
    if (!begin_turns(*wave)) return;
    soak(*wave);
  }

  Wave* begin_wave() {
    for (Wave& wave : rollout_.waves) {
      if (wave.started) continue;
      wave.started = now_;
      wave.state = "running";
      rollout_.state = RolloutState::kRunning;
      internal::note(rollout_, now_,
                     fmt::format("wave {} ({}) begins: {} endpoints", number_of(wave), wave.name,
                                 wave.endpoints.size()));
      changed();
      return &wave;
    }
    return nullptr;
  }

  size_t number_of(const Wave& wave) const { return static_cast<size_t>(&wave - rollout_.waves.data()) + 1; }

  void finish() {
    const size_t failed = failed_endpoints().first;
    rollout_.state = RolloutState::kDone;
    rollout_.ended = now_;
    rollout_.reason = failed == 0 ? "" : fmt::format("{} endpoints failed", failed);
    internal::note(rollout_, now_, failed == 0 ? "done" : "done; " + rollout_.reason);
    changed();
  }

  void watch(Wave& wave, bool limits) {
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (!facts_of(endpoint).busy) watch_endpoint(endpoint, limits);
    }
  }

  void watch_endpoint(EndpointProgress& endpoint, bool limits) {
    const auto had = rollout_.before.find(endpoint.id);
    if (had == rollout_.before.end()) return;
    const Assignment wanted = plan().wanted(had->second);
    if (endpoint.state == EndpointState::kPutting) put_sets(endpoint, had->second, wanted, limits);
    if (endpoint.state == EndpointState::kApplying) see_applied(endpoint, had->second, wanted, limits);
    if (endpoint.state == EndpointState::kClosing) close(endpoint, had->second, wanted, limits);
    if (endpoint.state == EndpointState::kDone && limits && in_trouble(endpoint))
      fail(endpoint, "after it was done: " + trouble_of(facts_of(endpoint)));
  }

  bool changed_by_others(EndpointProgress& endpoint) {
    fail(endpoint, "its version sets or Apply were changed by somebody else");
    return true;
  }

  void put_sets(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted, bool limits) {
    const EndpointFacts& facts = facts_of(endpoint);
    if (!facts.exists) return fail(endpoint, trouble_of(facts));
    if (facts.assigned == wanted) return enter(endpoint, EndpointState::kApplying);
    if (facts.assigned != had) return (void)changed_by_others(endpoint);
    if (limits && passed(*endpoint.since, plan().endpoint_limit))
      return fail(endpoint, "its version sets could not be put: " + reason_of(facts));
    put(endpoint, wanted);
  }

  static std::string reason_of(const EndpointFacts& facts) {
    if (!facts.trouble.empty()) return facts.trouble;
    const std::string trouble = trouble_of(facts);
    return trouble.empty() ? "no answer" : trouble;
  }

  void see_applied(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted, bool limits) {
    const EndpointFacts& facts = facts_of(endpoint);
    if (!facts.exists) return fail(endpoint, trouble_of(facts));
    if (facts.assigned != wanted) return (void)changed_by_others(endpoint);
    if (is_calm(endpoint)) {
      enter(endpoint, had.apply == wanted.apply ? EndpointState::kDone : EndpointState::kClosing);
      return;
    }
    if (limits && in_trouble(endpoint)) fail(endpoint, trouble_of(facts));
  }

  void close(EndpointProgress& endpoint, const Assignment& had, Assignment wanted, bool limits) {
    const EndpointFacts& facts = facts_of(endpoint);
    const Assignment open = wanted;
    wanted.apply = had.apply;
    if (!facts.exists) return fail(endpoint, trouble_of(facts));
    if (facts.assigned == wanted) return enter(endpoint, EndpointState::kDone);
    if (facts.assigned != open) return (void)changed_by_others(endpoint);
    if (limits && passed(*endpoint.since, plan().endpoint_limit))
      return fail(endpoint, "its Apply could not be set back: " + reason_of(facts));
    put(endpoint, wanted);
  }

  /// Failed endpoints, and all endpoints of the waves that have begun.
  std::pair<size_t, size_t> failed_endpoints() const {
    size_t failed = 0, all = 0;
    for (const Wave& wave : rollout_.waves) {
      if (!wave.started) continue;
      all += wave.endpoints.size();
      failed +=
          static_cast<size_t>(std::ranges::count_if(wave.endpoints, [](const EndpointProgress& endpoint) {
            return endpoint.state == EndpointState::kFailed;
          }));
    }
    return {failed, all};
  }

  static bool over(const EndpointProgress& endpoint) {
    return endpoint.state == EndpointState::kDone || endpoint.state == EndpointState::kFailed;
  }

  bool stopped(Wave& wave) {
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
    if (!many && !much) return false;
    stop(wave, fmt::format("{} of {} endpoints failed", failed, all));
    return true;
  }

  void stop(Wave& wave, const std::string& reason) {
    changed();
    if (plan().return_on_failure) return internal::begin_return(rollout_, now_, reason);
    wave.state = "failed";
    rollout_.state = RolloutState::kPaused;
    rollout_.reason = reason;
    internal::note(rollout_, now_, "paused: " + reason);
  }

  /// Whether every endpoint of the wave has had its turn.
  bool begin_turns(Wave& wave) {
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

  void begin_turn(EndpointProgress& endpoint) {
    const EndpointFacts& facts = facts_of(endpoint);
    if (!facts.exists) return fail(endpoint, trouble_of(facts));
    if (facts.disabled) return fail(endpoint, "VersionSetsDisabled: no plan is made for it");
    rollout_.before.try_emplace(endpoint.id, facts.assigned);
    endpoint.started = now_;
    enter(endpoint, EndpointState::kPutting);
    wake_at(now_);  // what it had is stored before anything is put
  }

  void soak(Wave& wave) {
    if (!wave.soaking) {
      wave.soaking = now_;
      wave.soak_until = now_ + plan().soak;
      wave.state = "soaking";
      rollout_.state = RolloutState::kSoaking;
      internal::note(rollout_, now_, fmt::format("wave {} soaks", number_of(wave)));
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

  void judge(Wave& wave, const GateAnswer& answer) {
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

  void end_wave(Wave& wave) {
    wave.state = "done";
    wave.ended = now_;
    internal::note(
        rollout_, now_,
        fmt::format("wave {} is done{}{}", number_of(wave), wave.gate.empty() ? "" : ": ", wave.gate));
    changed();
    wake_at(now_);
  }

  // ---- back

  void give_back() {
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

  void give_back_endpoint(EndpointProgress& endpoint) {
    const auto had = rollout_.before.find(endpoint.id);
    if (had == rollout_.before.end()) return;
    if (endpoint.state == EndpointState::kReturning) carry_back(endpoint, had->second);
    if (endpoint.state == EndpointState::kRestoring) reach(endpoint, had->second, EndpointState::kReturned);
  }

  /// Puts `wanted` until it is there, then enters `then`. False: the endpoint's limit has passed.
  bool reach(EndpointProgress& endpoint, const Assignment& wanted, EndpointState then) {
    const EndpointFacts& facts = facts_of(endpoint);
    if (!facts.exists) {
      enter(endpoint, EndpointState::kReturned, trouble_of(facts));
      return true;
    }
    if (facts.assigned == wanted) {
      if (endpoint.state != then) enter(endpoint, then, endpoint.reason);
      return true;
    }
    if (passed(*endpoint.since, plan().endpoint_limit)) {
      enter(endpoint, EndpointState::kNotReturned, reason_of(facts));
      return false;
    }
    put(endpoint, wanted);
    return false;
  }

  void carry_back(EndpointProgress& endpoint, const Assignment& had) {
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

  void end_return() {
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
    internal::note(rollout_, now_, stuck.empty() ? "returned" : "failed: " + rollout_.reason);
    changed();
  }

  // ---- aside

  void leave() {
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
    internal::note(rollout_, now_, "aborted");
    changed();
  }

  void leave_endpoint(EndpointProgress& endpoint) {
    const EndpointFacts& facts = facts_of(endpoint);
    const auto had = rollout_.before.find(endpoint.id);
    if (!facts.exists || had == rollout_.before.end() || facts.assigned.apply == had->second.apply)
      return enter(endpoint, EndpointState::kLeft);
    if (passed(*endpoint.since, plan().endpoint_limit))
      return enter(endpoint, EndpointState::kLeft, "its Apply could not be set back: " + reason_of(facts));
    Assignment wanted = facts.assigned;
    wanted.apply = had->second.apply;
    put(endpoint, wanted);
  }

  RolloutStep step_;
  Rollout& rollout_;
  const Facts& facts_;
  env::WallTime now_;
  const std::optional<GateAnswer>& gate_;
};

}  // namespace

RolloutStep next_step(const Rollout& rollout, const Facts& facts, env::WallTime now,
               const std::optional<GateAnswer>& gate) {
  return Machine(rollout, facts, now, gate).run();
}

}  // namespace mullion::versionset
