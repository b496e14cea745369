// Whatever the endpoints do: what a rollout promises holds, and it ends.
#include <gtest/gtest.h>

#include <random>

#include "rollout/rollout_testing.h"

namespace mullion::rollout {
namespace {

using testing::at;
using testing::World;

constexpr int kRuns = 400;

class Chaos {
 public:
  explicit Chaos(uint32_t seed) : random_(seed) {}
  bool chance(int percent) { return number(100) < percent; }
  int number(int below) { return static_cast<int>(random_() % static_cast<uint32_t>(below)); }

  std::string plan() {
    std::string waves;
    for (int i = 0, count = number(4); i < count; ++i)
      waves += fmt::format("{}{}", waves.empty() ? "" : ",",
                           chance(50) ? fmt::format(R"({{"Count":{}}})", 1 + number(6))
                                      : fmt::format(R"({{"Percent":{}}})", 1 + number(60)));
    return fmt::format(
        R"({{"Id":"roll","VersionSets":["new"],"TargetEndpoints":["x"],"Mode":"{}","Waves":[{}],"Concurrency":{},
            "Soak":"{}","Settle":"{}","Apply":{},"OnFailure":"{}","Gate":{},
            "StopWhen":{{"Failed":{},"WaveLimit":"{}","EndpointLimit":"{}"}}}})",
        chance(50) ? "add" : "replace", waves, 1 + number(5), number(50), number(10), chance(50), "return",
        chance(60) ? R"({"Collection":"machines","Count":0})" : "null", 1 + number(5), 50 + number(500),
        20 + number(60));
  }

  /// What may happen to an endpoint between two looks at it.
  void disturb(EndpointFacts& facts) {
    if (chance(5)) facts.connected = !facts.connected;
    if (chance(5)) facts.current = !facts.current;
    // Until it is planned for its new sets, the actions are those for the old ones.
    if (!facts.planned && chance(30)) {
      facts.planned = true;
      facts.actions = chance(40) ? 0 : 2;
    }
    if (chance(10)) facts.actions = chance(70) ? 0 : 3;
    if (chance(5)) facts.failed_actions = chance(70) ? 0 : 1;
    if (chance(3))
      facts.errors = chance(60) ? std::vector<std::string>() : std::vector<std::string>{"broken"};
    if (chance(8)) facts.busy = !facts.busy;
  }

 private:
  std::mt19937 random_;
};

size_t under_way(const Rollout& rollout) {
  size_t count = 0;
  for (const Wave& wave : rollout.waves) {
    for (const EndpointProgress& endpoint : wave.endpoints) count += is_under_way(endpoint.state) ? 1 : 0;
  }
  return count;
}

bool failed_everywhere(const Wave& wave) {
  return std::ranges::all_of(wave.endpoints, [](const EndpointProgress& endpoint) {
    return endpoint.state == EndpointState::kFailed;
  });
}

/// No endpoint of a wave is touched before every wave before it has ended, somewhere well.
void expect_waves_in_order(const Rollout& rollout) {
  bool open = false;
  for (const Wave& wave : rollout.waves) {
    if (open) {
      EXPECT_FALSE(wave.started);
      for (const EndpointProgress& endpoint : wave.endpoints)
        EXPECT_FALSE(rollout.before.contains(endpoint.id));
    }
    if (!wave.ended || failed_everywhere(wave)) open = true;
    if (wave.state == "done" && is_active(rollout.state)) {
      for (const EndpointProgress& endpoint : wave.endpoints)
        EXPECT_NE(endpoint.state, EndpointState::kFailed);
    }
  }
}

std::map<std::string, EndpointState> states_of(const Rollout& rollout) {
  std::map<std::string, EndpointState> out;
  for (const Wave& wave : rollout.waves) {
    for (const EndpointProgress& endpoint : wave.endpoints) out[endpoint.id] = endpoint.state;
  }
  return out;
}

/// What was said of endpoints by one step was true of them.
void expect_true_words(const World& world, const std::map<std::string, EndpointState>& before) {
  for (const auto& [id, state] : states_of(world.rollout)) {
    const EndpointState was = before.at(id);
    const EndpointFacts& facts = world.fleet.at(id);
    if (was == EndpointState::kApplying &&
        (state == EndpointState::kClosing || state == EndpointState::kDone)) {
      EXPECT_TRUE(facts.planned) << id;
      EXPECT_EQ(facts.actions, 0u) << id;
    }
    if (was != state && state == EndpointState::kReturned) {
      EXPECT_TRUE(facts.current) << id;
    }
  }
}

TEST(RolloutProperties, Hold) {
  std::map<std::string, int> ends;
  for (uint32_t seed = 1; seed <= kRuns; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos(seed);
    std::vector<std::string> ids;
    for (int i = 0, count = 1 + chaos.number(12); i < count; ++i) ids.push_back(fmt::format("E{:02}", i));
    World world(chaos.plan(), ids);
    world.lags = true;
    std::map<std::string, Assignment> before;
    for (auto& [id, facts] : world.fleet) {
      facts.assigned.apply = chaos.chance(30);
      if (chaos.chance(30)) facts.assigned.sets = {"new"};
      if (chaos.chance(30)) facts.assigned.last_set = "deprecated";
      facts.disabled = chaos.chance(3);
      before[id] = facts.assigned;
    }
    int rounds = 0;
    while (is_active(world.rollout.state) && ++rounds < 20'000) {
      for (auto& [id, facts] : world.fleet) chaos.disturb(facts);
      world.gate = {static_cast<uint64_t>(chaos.chance(20) ? 1 : 0), ""};
      const std::map<std::string, EndpointState> states = states_of(world.rollout);
      world.step(chaos.chance(80));
      for (const AssignmentChange& put : world.last_puts) ASSERT_FALSE(world.fleet[put.endpoint].busy);
      ASSERT_LE(under_way(world.rollout), world.rollout.plan.concurrency);
      expect_waves_in_order(world.rollout);
      expect_true_words(world, states);
      if (::testing::Test::HasFailure()) return;
      world.now += chaos.number(4);
    }
    ASSERT_LT(rounds, 20'000) << "it does not end";
    ++ends[world.state()];
    if (world.state() == "returned") {
      for (const auto& [id, facts] : world.fleet) EXPECT_EQ(facts.assigned, before[id]) << id;
    }
    if (world.state() == "done") {
      for (const auto& [id, facts] : world.fleet) {
        EXPECT_EQ(world.state_of(id), EndpointState::kDone) << id;
        EXPECT_EQ(facts.assigned.sets, world.rollout.plan.wanted(before[id]).sets);
        EXPECT_EQ(facts.assigned.apply, before[id].apply);
      }
    }
  }
  // The runs see both ends, or they prove nothing.
  EXPECT_GT(ends["done"], 10);
  EXPECT_GT(ends["returned"], 10);
  EXPECT_GT(ends["failed"], 0);
}

}  // namespace
}  // namespace mullion::rollout
