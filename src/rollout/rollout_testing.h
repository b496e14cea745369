// For tests of rollouts: a fleet that does what it is told, well or badly, and a rollout stepped over it by
// hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "rollout/rollout.h"

namespace mullion::rollout::testing {

inline env::WallTime at(int64_t seconds) {
  return env::WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

inline Rollout rollout_of(const std::string& text) {
  Result<Rollout> rollout = Rollout::parse(json::parse(text).as_object());
  if (!rollout) throw std::runtime_error(rollout.error().text());
  return std::move(*rollout);
}

inline std::vector<RolloutTarget> targets_of(const std::vector<std::string>& ids) {
  std::vector<RolloutTarget> out;
  for (const std::string& id : ids) out.push_back({id, "", {}});
  return out;
}

/// Two waves by rule, then the rest; a gate.
inline constexpr const char* kPlan =
    R"j({"Id":"roll","VersionSets":["new"],"TargetEndpoints":["x"],"Settle":"0",
  "Waves":[{"Count":1},{"Count":2}],"Concurrency":2,"Soak":"60",
  "Gate":{"Collection":"machines","Filter":"Endpoint=In($endpoints)&Available=false","Count":0}})j";
inline const std::vector<std::string> kFive{"A", "B", "C", "D", "E"};

/// The fleet and the clock of one rollout; `step()` stores what the machine decides through JSON, as the
/// server does.
class World {
 public:
  World(const std::string& plan, const std::vector<std::string>& ids) : rollout(rollout_of(plan)) {
    for (const std::string& id : ids) {
      EndpointFacts& facts = fleet[id];
      facts.exists = facts.connected = facts.planned = true;
      facts.assigned.sets = {"old-" + id};
    }
    Result<Rollout> started = start_rollout(rollout, targets_of(ids), at(0), "user:tester");
    if (!started) throw std::runtime_error(started.error().text());
    rollout = std::move(*started);
  }

  /// One step; puts are carried out when `deliver`. Whether anything was decided or put.
  bool step(bool deliver = true) {
    RolloutStep next = next_step(rollout, fleet, at(now), std::nullopt, lapse);
    if (next.asks_gate) next = next_step(rollout, fleet, at(now), gate, lapse);
    wake = next.wake;
    if (next.changed) {
      json::object object = plan_json;
      next.next.write(object);
      store(next.next);
    } else {
      rollout = next.next;
    }
    last_puts = next.puts;
    if (!next.changed && deliver) {
      for (const AssignmentChange& put : next.puts) this->deliver(put);
    }
    return next.changed || (deliver && !next.puts.empty());
  }
  void deliver(const AssignmentChange& put) {
    EndpointFacts& facts = fleet[put.endpoint];
    if (facts.assigned != put.seen) return;
    if (lags && facts.assigned.sets != put.wanted.sets) facts.planned = false;
    facts.assigned = put.wanted;
  }
  /// Steps until nothing moves without time.
  void settle() {
    for (int i = 0; i < 10'000; ++i) {
      if (!step()) return;
    }
    FAIL() << "it never comes to rest";
  }
  void pass(int64_t seconds) {
    now += seconds;
    settle();
  }
  /// Lets time pass from one wake to the next.
  void run(int64_t most_seconds = 1'000'000) {
    settle();
    while (is_active(rollout.state) && wake && now < most_seconds) {
      now =
          std::max<int64_t>(now + 1, std::chrono::duration_cast<std::chrono::seconds>(*wake - at(0)).count());
      settle();
    }
  }

  EndpointState state_of(const std::string& id) const {
    for (const Wave& wave : rollout.waves) {
      for (const EndpointProgress& endpoint : wave.endpoints) {
        if (endpoint.id == id) return endpoint.state;
      }
    }
    throw std::runtime_error("no such endpoint");
  }
  std::string state() const { return std::string(rollout_state_name(rollout.state)); }

  Rollout rollout;
  Facts fleet;
  GateAnswer gate{0, ""};
  std::string lapse;  // why it may not go on
  int64_t now = 0;
  bool lags = false;  // plans are made some time after the sets were put: the test does it
  Moment wake;
  std::vector<AssignmentChange> last_puts;
  json::object plan_json;

 private:
  /// What is stored is what the next step reads.
  void store(const Rollout& next) {
    json::object object;
    next.write(object);
    Result<Rollout> read = Rollout::parse(object);
    if (!read) throw std::runtime_error(read.error().text());
    read->plan = rollout.plan;
    rollout = std::move(*read);
  }
};

}  // namespace mullion::rollout::testing
