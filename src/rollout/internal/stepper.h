// The machine of rollouts: one step from facts to what is to be stored and put.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "rollout/internal/parts.h"

namespace mullion::rollout::internal {

/// For one step: its own copy of the rollout, and what came of it.
class RolloutStepper {
 public:
  RolloutStepper(const Rollout& rollout, const Facts& facts, env::WallTime now,
                 const std::optional<GateAnswer>& gate, const std::string& lapse)
      : rollout_(step_.next), facts_(facts), now_(now), gate_(gate), lapse_(lapse) {
    rollout_ = rollout;
  }

  RolloutStep run();

 private:
  const RolloutPlan& plan() const { return rollout_.plan; }
  void changed() { step_.changed = true; }
  void wake_at(env::WallTime time);
  /// Whether `duration` has passed since `begin`; else the step is called again when it has.
  bool passed(env::WallTime begin, env::Duration duration);
  void enter(EndpointProgress& endpoint, EndpointState state, std::string reason = "");
  void fail(EndpointProgress& endpoint, const std::string& reason);
  void put(const EndpointProgress& endpoint, const Assignment& wanted);
  Wave* current_wave();
  size_t under_way() const;

  // An endpoint as it looks.
  const EndpointFacts& facts_of(const EndpointProgress& endpoint) const;
  static std::string trouble_of(const EndpointFacts& facts);
  static std::string reason_of(const EndpointFacts& facts);
  /// Whether it has been in trouble for too long. Remembers since when.
  bool in_trouble(EndpointProgress& endpoint);
  /// Whether it has looked done for long enough. Remembers since when.
  bool is_calm(EndpointProgress& endpoint);

  // Forward: waves and turns.
  void work();
  Wave* begin_wave();
  size_t number_of(const Wave& wave) const;
  void finish();
  /// Failed endpoints, and all endpoints of the waves that have begun.
  std::pair<size_t, size_t> failed_endpoints() const;
  bool stopped(Wave& wave);
  void stop(Wave& wave, const std::string& reason);
  /// Whether every endpoint of the wave has had its turn.
  bool begin_turns(Wave& wave);
  void begin_turn(EndpointProgress& endpoint);
  void soak(Wave& wave);
  void judge(Wave& wave, const GateAnswer& answer);
  void end_wave(Wave& wave);

  // Forward: an endpoint's turn.
  void watch(Wave& wave, bool limits);
  void watch_endpoint(EndpointProgress& endpoint, bool limits);
  void changed_by_others(EndpointProgress& endpoint);
  void put_sets(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted, bool limits);
  void see_applied(EndpointProgress& endpoint, const Assignment& had, const Assignment& wanted, bool limits);
  void close(EndpointProgress& endpoint, const Assignment& had, Assignment wanted, bool limits);

  // Back.
  void give_back();
  void give_back_endpoint(EndpointProgress& endpoint);
  /// Writes `wanted` until it is there, then enters `then`. False: not there yet, or given up.
  bool reach(EndpointProgress& endpoint, const Assignment& wanted, EndpointState then);
  void carry_back(EndpointProgress& endpoint, const Assignment& had);
  void end_return();

  // Nobody's rights are left to go on with.
  void lapse();
  void pause_lapsed();
  void end_lapsed_return();

  // Aside.
  void leave();
  void leave_endpoint(EndpointProgress& endpoint);

  RolloutStep step_;
  Rollout& rollout_;
  const Facts& facts_;
  env::WallTime now_;
  const std::optional<GateAnswer>& gate_;
  const std::string& lapse_;
};

/// Why an endpoint without plans can have no turn.
inline constexpr std::string_view kNoPlans = "VersionSetsDisabled: no plan is made for it";

}  // namespace mullion::rollout::internal
