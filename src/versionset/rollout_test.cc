#include "versionset/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "versionset/rollout_testing.h"

namespace mullion::versionset {
namespace {

using testing::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::rollout_of;
using testing::targets_of;
using testing::World;

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

constexpr const char* kPlan = R"j({"Id":"roll","VersionSets":["new"],"TargetEndpoints":["x"],"Settle":"0",
  "Waves":[{"Count":1},{"Count":2}],"Concurrency":2,"Soak":"60",
  "Gate":{"Collection":"machines","Filter":"Endpoint=In($endpoints)&Available=false","Count":0}})j";
const std::vector<std::string> kFive{"A", "B", "C", "D", "E"};

TEST(Machine, GoesThroughItsWaves) {
  World world(kPlan, kFive);
  world.settle();
  EXPECT_EQ(world.state(), "soaking");
  EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"new", "old-A"}));
  EXPECT_EQ(world.fleet["B"].assigned.sets, (std::vector<std::string>{"old-B"}));
  EXPECT_EQ(gate_filter(world.rollout), "Endpoint=In(A)&Available=false");
  EXPECT_EQ(world.wake, at(60));
  world.pass(59);
  EXPECT_EQ(world.state_of("B"), EndpointState::kWaiting);
  world.pass(1);
  EXPECT_EQ(gate_filter(world.rollout), "Endpoint=In(A,B,C)&Available=false");
  EXPECT_EQ(world.fleet["C"].assigned.sets.front(), "new");
  EXPECT_EQ(world.rollout.waves[0].gate, "0 machines match, wanted = 0");
  world.pass(60);
  world.pass(60);
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.rollout.ended, at(180));
  for (const std::string& id : kFive) EXPECT_EQ(world.state_of(id), EndpointState::kDone);
}

TEST(Machine, RecordsWhatWasThereBeforeItPuts) {
  World world(kPlan, kFive);
  EXPECT_TRUE(world.step());
  EXPECT_THAT(world.last_puts, IsEmpty());
  EXPECT_EQ(world.rollout.before["A"].sets, (std::vector<std::string>{"old-A"}));
  EXPECT_TRUE(world.step(false) || !world.last_puts.empty());
  ASSERT_EQ(world.last_puts.size(), 1U);
  EXPECT_EQ(world.last_puts[0].seen.sets, (std::vector<std::string>{"old-A"}));
  // A put that was lost is asked for again; one that arrived is not.
  EXPECT_TRUE(world.step());
  EXPECT_EQ(world.last_puts.size(), 1U);
  world.step();
  EXPECT_THAT(world.last_puts, IsEmpty());
}

TEST(Machine, AFailedGateReturnsEverything) {
  World world(kPlan, kFive);
  world.settle();
  world.pass(60);
  world.gate = {3, ""};
  world.pass(60);
  EXPECT_EQ(world.state(), "returned");
  EXPECT_EQ(world.rollout.reason, "the gate of wave 2 does not hold: 3 machines match, wanted = 0");
  for (const std::string& id : kFive)
    EXPECT_EQ(world.fleet[id].assigned.sets, (std::vector<std::string>{"old-" + id}));
  EXPECT_EQ(world.state_of("A"), EndpointState::kReturned);
  EXPECT_EQ(world.state_of("E"), EndpointState::kWaiting);
}

TEST(Machine, AGateMayTakeItsTime) {
  World world(kPlan, kFive);
  world.rollout.plan.gate->patience = std::chrono::seconds(30);
  world.gate = {std::nullopt, "there is no collection machine"};
  world.settle();
  world.pass(60);
  EXPECT_EQ(world.state(), "soaking");
  EXPECT_EQ(world.wake, at(90));
  world.gate = {0, ""};
  world.pass(20);
  EXPECT_EQ(world.state_of("B"), EndpointState::kDone);
  world.gate = {1, ""};
  world.pass(60);
  EXPECT_EQ(world.state(), "soaking");
  world.pass(30);
  EXPECT_EQ(world.state(), "returned");
}

TEST(Machine, ADarkEndpointLeavesTheGateOpenUntilItsLimit) {
  World world(kPlan, kFive);
  world.settle();
  world.fleet["A"].connected = false;
  world.pass(60);
  EXPECT_EQ(world.state(), "soaking");
  world.pass(300);
  EXPECT_EQ(world.state(), "returned");
  EXPECT_THAT(world.rollout.reason, HasSubstr("1 of 1 endpoints failed"));
}

TEST(Machine, MustLookDoneForAWhile) {
  World world(kPlan, kFive);
  world.rollout.plan.settle = std::chrono::seconds(10);
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.now = 5;
  world.fleet["A"].actions = 3;
  world.settle();
  world.now = 20;
  world.fleet["A"].actions = 0;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.pass(10);
  EXPECT_EQ(world.state_of("A"), EndpointState::kDone);
}

TEST(Machine, AnEndpointFailsAfterItsLimit) {
  const auto dark = [](EndpointFacts& facts) { facts.connected = false; };
  const auto errors = [](EndpointFacts& facts) { facts.errors = {"no space"}; };
  const auto actions = [](EndpointFacts& facts) { facts.actions = facts.failed_actions = 2; };
  const std::vector<std::pair<std::function<void(EndpointFacts&)>, std::string>> cases{
      {dark, "it is not connected"}, {errors, "no space"}, {actions, "2 actions failed"}};
  for (const auto& [harm, reason] : cases) {
    World world(kPlan, kFive);
    world.rollout.plan.return_on_failure = false;
    harm(world.fleet["A"]);
    world.settle();
    world.pass(299);
    EXPECT_EQ(world.state_of("A"), EndpointState::kApplying) << reason;
    world.pass(1);
    EXPECT_EQ(world.state_of("A"), EndpointState::kFailed) << reason;
    EXPECT_EQ(world.rollout.waves[0].endpoints[0].reason, reason);
    EXPECT_EQ(world.state(), "paused") << reason;
  }
}

TEST(Machine, TroubleThatPassesIsForgiven) {
  World world(kPlan, kFive);
  world.fleet["A"].connected = false;
  world.settle();
  world.pass(200);
  world.fleet["A"].connected = true;
  world.fleet["A"].actions = 1;
  world.pass(1);
  world.fleet["A"].connected = false;
  world.pass(200);
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
}

TEST(Machine, ResumeTriesFailedEndpointsAgain) {
  World world(kPlan, kFive);
  world.rollout.plan.return_on_failure = false;
  world.fleet["A"].connected = false;
  world.settle();
  world.pass(300);
  ASSERT_EQ(world.state(), "paused");
  world.fleet["A"].connected = true;
  Result<Rollout> resumed = resume_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(resumed);
  world.rollout = *resumed;
  world.run();
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.rollout.before["A"].sets, (std::vector<std::string>{"old-A"}));
}

TEST(Machine, FailuresAreToleratedUpToTheirLimit) {
  World world(kPlan, kFive);
  world.rollout.plan.most_failed.reset();
  world.rollout.plan.most_failed_percent = 40;
  for (const char* id : {"C", "E"}) world.fleet[id].disabled = true;
  world.run();
  // One of three is 33 %, two of five are 40 %.
  EXPECT_EQ(world.state(), "returned");
  EXPECT_EQ(world.rollout.reason, "2 of 5 endpoints failed");
  World patient(kPlan, kFive);
  patient.rollout.plan.most_failed = 3;
  for (const char* id : {"C", "E"}) patient.fleet[id].disabled = true;
  patient.run();
  EXPECT_EQ(patient.state(), "done");
  EXPECT_EQ(patient.rollout.reason, "2 endpoints failed");
}

TEST(Machine, AWaveHasALimit) {
  World world(kPlan, kFive);
  world.fleet["A"].actions = 1;
  world.run();
  EXPECT_EQ(world.state(), "returned");
  EXPECT_EQ(world.rollout.reason, "wave 1 took longer than its limit");
  EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"old-A"}));
}

TEST(Machine, WhatSomebodyElseChangedFails) {
  World world(kPlan, kFive);
  world.fleet["A"].actions = 1;
  world.settle();
  world.fleet["A"].assigned.sets = {"by hand"};
  world.rollout.plan.return_on_failure = false;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kFailed);
  EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("changed by somebody else"));
}

TEST(Machine, AnEndpointThatIsGoneFails) {
  World world(kPlan, kFive);
  world.fleet.erase("A");
  world.run();
  EXPECT_EQ(world.state(), "returned");
  World later(kPlan, kFive);
  later.fleet["A"].actions = 1;
  later.settle();
  later.fleet.erase("A");
  later.run();
  EXPECT_EQ(later.state(), "returned");
}

TEST(Machine, ApplyIsTrueOnlyMeanwhile) {
  World world(kPlan, kFive);
  world.rollout.plan.apply = true;
  world.fleet["B"].assigned.apply = true;
  world.fleet["A"].actions = 1;
  world.settle();
  EXPECT_TRUE(world.fleet["A"].assigned.apply);
  world.fleet["A"].actions = 0;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kDone);
  EXPECT_FALSE(world.fleet["A"].assigned.apply);
  world.run();
  EXPECT_TRUE(world.fleet["B"].assigned.apply);
  EXPECT_FALSE(world.fleet["E"].assigned.apply);
}

TEST(Machine, IsCarriedBackWithApply) {
  World world(kPlan, kFive);
  world.rollout.plan.apply = true;
  world.gate = {1, ""};
  world.settle();
  world.now = 60;
  for (int i = 0; i < 50 && world.state_of("A") != EndpointState::kReturning; ++i) world.step();
  world.fleet["A"].actions = 2;
  world.settle();
  EXPECT_EQ(world.state(), "returning");
  EXPECT_TRUE(world.fleet["A"].assigned.apply);
  world.fleet["A"].actions = 0;
  world.settle();
  EXPECT_EQ(world.state(), "returned");
  EXPECT_FALSE(world.fleet["A"].assigned.apply);
}

TEST(Machine, WhatCannotBeReturnedIsSaid) {
  World world(kPlan, kFive);
  world.settle();
  world.gate = {1, ""};
  world.now = 60;
  world.fleet["A"].trouble = "R1 is unreachable";
  while (world.step(false)) {
  }
  world.now += 400;
  while (world.step(false)) {
  }
  EXPECT_EQ(world.state(), "failed");
  EXPECT_THAT(world.rollout.reason, HasSubstr("; not returned: A"));
  EXPECT_EQ(world.rollout.waves[0].endpoints[0].reason, "R1 is unreachable");
  // Asked for again, it goes on.
  Result<Rollout> again = return_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(again);
  world.rollout = *again;
  world.settle();
  EXPECT_EQ(world.state(), "returned");
}

TEST(Machine, NothingIsDecidedWhileAChangeIsOnItsWay) {
  World world(kPlan, kFive);
  world.step();
  world.fleet["A"].busy = true;
  EXPECT_FALSE(world.step());
  EXPECT_THAT(world.last_puts, IsEmpty());
}

TEST(Commands, AreForTheirStates) {
  using Command = Result<Rollout> (*)(Rollout, env::WallTime, std::string);
  struct Case {
    Command command;
    std::vector<RolloutState> allowed;
  };
  using enum RolloutState;
  const std::vector<RolloutState> all{kPlanned,  kRunning,  kSoaking, kPaused, kReturning,
                                      kReturned, kAborting, kAborted, kDone,   kFailed};
  for (const Case& one : std::initializer_list<Case>{
           {pause_rollout, {kRunning, kSoaking}},
           {resume_rollout, {kPaused}},
           {abort_rollout, {kPlanned, kRunning, kSoaking, kPaused, kReturning}},
           {return_rollout, {kRunning, kSoaking, kPaused, kAborting, kAborted, kDone, kFailed}}}) {
    for (const RolloutState state : all) {
      Rollout rollout = rollout_of(R"({"Id":"roll"})");
      rollout.state = state;
      const Result<Rollout> done = one.command(rollout, at(0), "user:x");
      EXPECT_EQ(done.ok(), std::ranges::find(one.allowed, state) != one.allowed.end())
          << rollout_state_name(state);
      if (!done) EXPECT_EQ(done.error().code, ErrorCode::kInvalid);
      if (done) EXPECT_EQ(done->history.back().who, "user:x");
    }
  }
}

TEST(Commands, StartNeedsEndpoints) {
  const Rollout rollout = rollout_of(kPlan);
  EXPECT_FALSE(start_rollout(rollout, {}, at(0), ""));
  EXPECT_FALSE(start_rollout(rollout_of(R"({"Id":"roll"})"), targets_of({"A"}), at(0), ""));
  const Result<Rollout> started = start_rollout(rollout, targets_of({"A"}), at(0), "");
  ASSERT_TRUE(started);
  EXPECT_FALSE(start_rollout(*started, targets_of({"A"}), at(0), ""));
}

TEST(Commands, PauseLetsWhatIsUnderWayFinish) {
  World world(kPlan, kFive);
  world.settle();
  world.pass(60);
  world.fleet["D"].actions = 1;
  world.pass(60);
  Result<Rollout> paused = pause_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(paused);
  world.rollout = *paused;
  world.fleet["D"].actions = 0;
  world.pass(100'000);
  EXPECT_EQ(world.state(), "paused");
  EXPECT_EQ(world.state_of("D"), EndpointState::kDone);
  Result<Rollout> resumed = resume_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(resumed);
  world.rollout = *resumed;
  world.run();
  EXPECT_EQ(world.state(), "done");
}

TEST(Commands, AbortLeavesTheSetsAndPutsApplyBack) {
  World world(kPlan, kFive);
  world.rollout.plan.apply = true;
  world.fleet["A"].actions = 1;
  world.settle();
  Result<Rollout> aborted = abort_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(aborted);
  world.rollout = *aborted;
  EXPECT_EQ(world.state(), "aborting");
  world.settle();
  EXPECT_EQ(world.state(), "aborted");
  EXPECT_EQ(world.fleet["A"].assigned, (Assignment{{"new", "old-A"}, "", false}));
  EXPECT_EQ(world.state_of("A"), EndpointState::kLeft);
}

TEST(Object, IsReadAsItWasWritten) {
  World world(kPlan, kFive);
  world.fleet["A"].assigned.last_set = "deprecated";
  world.run();
  json::object object;
  world.rollout.write(object);
  const Result<Rollout> read = Rollout::parse(object);
  ASSERT_TRUE(read);
  json::object again;
  read->write(again);
  EXPECT_EQ(object, again);
  EXPECT_EQ(read->before.at("A").last_set, "deprecated");
}

TEST(Object, HistoryIsBounded) {
  Rollout rollout = rollout_of(R"({"Id":"roll"})");
  rollout.state = RolloutState::kRunning;
  for (int i = 0; i < 300; ++i) {
    rollout = *pause_rollout(rollout, at(i), "user:x");
    rollout = *resume_rollout(rollout, at(i), "user:x");
  }
  EXPECT_EQ(rollout.history.size(), 200U);
}

}  // namespace
}  // namespace mullion::versionset
