// Plans, waves and gates of rollouts as people write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rollout/rollout.h"
#include "rollout/rollout_testing.h"

namespace mullion::rollout {
namespace {

using testing::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPlan;
using testing::rollout_of;
using testing::targets_of;

std::vector<std::vector<std::string>> ids_of(const std::vector<Wave>& waves) {
  std::vector<std::vector<std::string>> out;
  for (const Wave& wave : waves) {
    out.emplace_back();
    for (const EndpointProgress& endpoint : wave.endpoints) out.back().push_back(endpoint.id);
  }
  return out;
}

std::string faults(const std::string& text) {
  const Result<Rollout> rollout = Rollout::parse(json::parse(text).as_object());
  if (rollout) return "";
  return fmt::format("{}", fmt::join(rollout.error().messages, "|"));
}

TEST(RolloutPlan, DefaultsAreCareful) {
  const Rollout rollout = rollout_of(R"({"Id":"first","VersionSets":["a"],"Targets":"Os=linux"})");
  EXPECT_EQ(rollout.plan.concurrency, 10U);
  EXPECT_EQ(rollout.plan.most_failed, 1U);
  EXPECT_TRUE(rollout.plan.return_on_failure);
  EXPECT_FALSE(rollout.plan.gate);
  EXPECT_EQ(rollout.state, RolloutState::kPlanned);
  EXPECT_THAT(plan_gaps(rollout.plan), IsEmpty());
  EXPECT_EQ(plan_gaps(rollout_of(R"({"Id":"first"})").plan).size(), 2U);
}

TEST(RolloutPlan, EveryFaultIsNamed) {
  struct Case {
    const char *plan, *fault;
  };
  for (const Case& one : std::initializer_list<Case>{
           {R"({"Mode":"merge"})", "Mode: `merge` is none of add, replace"},
           {R"({"OnFailure":"cry"})", "OnFailure: `cry` is none of return, pause"},
           {R"({"VersionSets":["a","a"]})", "VersionSets: `a` stands there twice"},
           {R"({"VersionSets":[""]})", "VersionSets: an entry is empty"},
           {R"({"Targets":"Os=linux","TargetEndpoints":["A"]})", "exclude each other"},
           {R"j({"Targets":"limit=many"})j", "Targets: Limit must be a number: many"},
           {R"({"Concurrency":0})", "Concurrency must be between 1 and 1000"},
           {R"({"Soak":"soon"})", "Soak: `soon` is no duration"},
           {R"({"Soak":"never"})", "Soak: `never` is no duration"},
           {R"({"Waves":[{}]})", "Waves[0]: needs exactly one of"},
           {R"({"Waves":[{"Count":1,"Percent":5}]})", "Waves[0]: needs exactly one of"},
           {R"({"Waves":[{"Count":-1}]})", "Waves[0]: Count must be"},
           {R"({"Waves":[{"Percent":101}]})", "Waves[0]: Percent must be"},
           {R"({"Waves":[{"MetaValue":"x","Count":1}]})", "Waves[0]: MetaValue needs a MetaKey"},
           {R"({"Waves":[{"Count":1}],"WaveBy":"ring"})", "Waves and WaveBy exclude each other"},
           {R"({"Gate":{"Filter":"Available=false"}})", "Gate.Collection is missing"},
           {R"({"Gate":{"Collection":"machines","Comparison":"~"}})", "Gate.Comparison: `~` is none of"},
           {R"({"Gate":{"Collection":"machines","Count":-1}})", "Gate.Count must not be negative"},
           {R"j({"Gate":{"Collection":"machines","Filter":"limit=-1"}})j",
            "Gate.Filter: Limit cannot be negative"},
           {R"({"Gate":{"Collection":"machines","Patience":"x"}})", "Gate.Patience: `x`"},
           {R"({"StopWhen":{"Failed":-1}})", "StopWhen.Failed"},
           {R"({"StopWhen":{"FailedPercent":101}})", "StopWhen.FailedPercent"},
           {R"({"StopWhen":{"WaveLimit":"0"}})", "StopWhen.WaveLimit must be above 0"},
           {R"({"StopWhen":{"EndpointLimit":"?"}})", "StopWhen.EndpointLimit: `?`"}}) {
    EXPECT_THAT(faults(one.plan), HasSubstr(one.fault)) << one.plan;
  }
  EXPECT_EQ(std::ranges::count(faults(R"({"Mode":"x","Soak":"y","Concurrency":0})"), '|'), 2);
}

TEST(RolloutPlan, SetsStandInFrontOrInstead) {
  RolloutPlan plan;
  plan.sets = {"new", "b"};
  const Assignment before{{"a", "b"}, "last", false};
  EXPECT_EQ(plan.wanted(before), (Assignment{{"new", "b", "a"}, "last", false}));
  plan.replace = true;
  plan.apply = true;
  EXPECT_EQ(plan.wanted(before), (Assignment{{"new", "b"}, "", true}));
}

TEST(RolloutPlan, IsFixedOnceItHasBegun) {
  const auto of = [](const char* text) { return json::parse(text).as_object(); };
  const json::object planned = of(R"({"State":"planned","Soak":"1m"})");
  const json::object running = of(R"({"State":"running","Soak":"1m","Description":"x"})");
  const json::object over = of(R"({"State":"returned","Soak":"1m"})");
  EXPECT_THAT(plan_changes(planned, of(R"({"Soak":"2m"})")), IsEmpty());
  EXPECT_THAT(plan_changes(running, of(R"({"Soak":"1m","Description":"y"})")), IsEmpty());
  EXPECT_THAT(
      plan_changes(running, of(R"({"Soak":"2m"})")),
      ElementsAre(
          "Soak cannot be changed: the rollout is running; abort or return it and create another one"));
  EXPECT_THAT(plan_changes(over, of(R"({"Soak":"2m"})")),
              ElementsAre("Soak cannot be changed: the rollout is returned; create another one"));
}

TEST(CutWaves, ByTheirRules) {
  struct Case {
    const char* plan;
    std::vector<std::vector<std::string>> waves;
  };
  std::vector<RolloutTarget> targets;
  for (const char* id : {"E", "D", "C", "B", "A"}) targets.push_back({id, "", {}});
  targets[0].meta["ring"] = "10";
  targets[1].meta["ring"] = "9";
  targets[2].meta["ring"] = "9";
  targets[3].meta["ring"] = "edge";
  for (const Case& one : std::initializer_list<Case>{
           {R"({})", {{"A", "B", "C", "D", "E"}}},
           {R"({"Waves":[{"Count":1},{"Count":3}]})", {{"A"}, {"B", "C", "D"}, {"E"}}},
           {R"({"Waves":[{"Count":9}]})", {{"A", "B", "C", "D", "E"}}},
           {R"({"Waves":[{"Percent":1},{"Percent":50},{"Percent":100}]})", {{"A"}, {"B", "C", "D"}, {"E"}}},
           {R"({"Waves":[{"Count":2},{"Endpoints":["A"]}]})", {{"B", "C"}, {"A"}, {"D", "E"}}},
           {R"({"Waves":[{"MetaKey":"ring","MetaValue":"9"},{"MetaKey":"ring","MetaValue":"7"}]})",
            {{"C", "D"}, {"A", "B", "E"}}},
           {R"({"WaveBy":"ring"})", {{"C", "D"}, {"E"}, {"B"}, {"A"}}},
           {R"({"WaveBy":"nothing"})", {{"A", "B", "C", "D", "E"}}}}) {
    const Result<std::vector<Wave>> waves = cut_waves(rollout_of(one.plan).plan, targets);
    ASSERT_TRUE(waves) << one.plan;
    EXPECT_EQ(ids_of(*waves), one.waves) << one.plan;
  }
}

TEST(CutWaves, NamesWhatIsNoTargetAndWhatIsNamedTwice) {
  const Result<std::vector<Wave>> waves = cut_waves(
      rollout_of(R"({"Waves":[{"Endpoints":["A","X"]},{"Endpoints":["A"]}]})").plan, targets_of({"A", "B"}));
  ASSERT_FALSE(waves);
  EXPECT_EQ(waves.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(waves.error().messages, ElementsAre("Waves[0]: endpoint X is no target",
                                                  "Waves[1]: endpoint A is in another wave too"));
}

TEST(GateRule, Compares) {
  struct Case {
    const char* comparison;
    bool below, equal, above;
  };
  for (const Case& one : std::initializer_list<Case>{{"=", false, true, false},
                                                     {"!=", true, false, true},
                                                     {"<", true, false, false},
                                                     {"<=", true, true, false},
                                                     {">", false, false, true},
                                                     {">=", false, true, true}}) {
    GateRule rule;
    rule.comparison = one.comparison;
    rule.count = 5;
    EXPECT_EQ(rule.holds(4), one.below) << one.comparison;
    EXPECT_EQ(rule.holds(5), one.equal) << one.comparison;
    EXPECT_EQ(rule.holds(6), one.above) << one.comparison;
  }
}

}  // namespace
}  // namespace mullion::rollout
