// One step of a rollout over what is known, without doing what comes of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "rollout/internal/assignment_writer.h"
#include "rollout/internal/facts.h"
#include "rollout/internal/lenders.h"
#include "rollout/rollouts.h"

namespace mullion::rollout::internal {

/// One step, and what is to be stored of it.
struct RolloutReading {
  env::WallTime now{};
  RolloutState state = RolloutState::kPlanned;  // before the step
  RolloutStep step;
  std::optional<store::Change> change;
};

/// Remembers what steps found out and need not be stored. Not thread-safe.
class RolloutSteps {
 public:
  RolloutSteps(const Dependencies& given, RolloutFacts& facts, const AssignmentWriter& puts, Lenders& lenders)
      : given_(given), facts_(facts), assignment_writer_(puts), lenders_(lenders) {}

  /// Steps a rollout that is active. Blocks on the disk.
  Result<RolloutReading> read_and_step(const std::string& id);
  /// What a reading wanted to be stored is: `hash` of the body, and what it says.
  void stored(const std::string& id, Digest hash, Rollout rollout);
  /// Forgets all others.
  void keep(const std::vector<std::string>& ids);

 private:
  struct Held {
    Digest hash;
    Rollout rollout;
  };
  Result<Held*> held(const store::Snapshot& snapshot, const std::string& id, const std::string& body);
  GateAnswer ask_gate(const std::shared_ptr<const store::Snapshot>& snapshot, const Rollout& rollout) const;
  /// Why what the gate counted at its endpoints is not what is there now; "" when nothing says so.
  std::string held_up(const Rollout& rollout, const store::QueryResult& counted) const;

  const Dependencies& given_;
  RolloutFacts& facts_;
  const AssignmentWriter& assignment_writer_;
  Lenders& lenders_;
  std::map<std::string, Held> held_;
};

}  // namespace mullion::rollout::internal
