// Rollouts on their way back and aside, what people tell them, and their objects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rollout/rollout.h"
#include "rollout/rollout_testing.h"

namespace mullion::rollout {
namespace {

using testing::at;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kFive;
using testing::kPlan;
using testing::rollout_of;
using testing::targets_of;
using testing::World;

TEST(RolloutStepper, IsCarriedBackWithApply) {
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

TEST(RolloutStepper, WhatCannotBeReturnedIsSaid) {
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

TEST(RolloutStepper, IsReturnedOnlyWhenTheOwnerIsKnown) {
  struct Case {
    bool away, comes_back, changed;  // the owner is away, comes back in time, had taken a change unseen
    const char* state;
  };
  for (const Case& one : std::initializer_list<Case>{{false, false, false, "returned"},
                                                     {true, false, false, "failed"},
                                                     {true, true, false, "returned"},
                                                     {true, true, true, "returned"}}) {
    SCOPED_TRACE(fmt::format("{} {} {}", one.away, one.comes_back, one.changed));
    World world(kPlan, {"A"});
    world.step();
    world.step(false);  // put, and the answer was lost
    ASSERT_EQ(world.last_puts.size(), 1u);
    const Assignment before = world.fleet["A"].assigned;
    world.fleet["A"].connected = world.fleet["A"].current = !one.away;
    Result<Rollout> back = return_rollout(world.rollout, at(world.now), "user:x");
    ASSERT_TRUE(back);
    world.rollout = *back;
    world.settle();
    EXPECT_EQ(world.state(), one.away ? "returning" : "returned");
    world.pass(100);
    if (one.changed) world.fleet["A"].assigned.sets = {"new", "old-A"};
    if (one.comes_back) world.fleet["A"].connected = world.fleet["A"].current = true;
    world.run();
    EXPECT_EQ(world.state(), one.state);
    EXPECT_EQ(world.fleet["A"].assigned, before);
    if (one.state == std::string("failed")) {
      EXPECT_THAT(world.rollout.reason, HasSubstr("; not returned: A"));
    }
  }
}

/// An endpoint of a manager that is detached is not gone, and has the new sets still.
TEST(RolloutStepper, WhatIsNotKnownToBeGoneIsNotReturned) {
  for (const bool gone : {true, false}) {
    SCOPED_TRACE(gone);
    World world(kPlan, {"A"});
    world.step();
    world.step();  // put
    ASSERT_EQ(world.fleet["A"].assigned.sets.front(), "new");
    Result<Rollout> back = return_rollout(world.rollout, at(world.now), "user:x");
    ASSERT_TRUE(back);
    world.rollout = *back;
    const EndpointFacts before = std::exchange(world.fleet["A"], EndpointFacts{.current = gone});
    world.settle();
    EXPECT_EQ(world.state(), gone ? "returned" : "returning");
    if (gone) continue;
    world.run();
    EXPECT_EQ(world.state(), "failed");
    EXPECT_EQ(world.state_of("A"), EndpointState::kNotReturned);
    EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("not known to be current"));
    // Attached again and asked for again, it is returned.
    world.fleet["A"] = before;
    back = return_rollout(world.rollout, at(world.now), "user:x");
    ASSERT_TRUE(back);
    world.rollout = *back;
    world.settle();
    EXPECT_EQ(world.state(), "returned");
    EXPECT_EQ(world.fleet["A"].assigned.sets.front(), "old-A");
  }
}

TEST(RolloutStepper, WhoIsLeftIsToldWhenItsManagerIsAway) {
  World world(kPlan, {"A"});
  world.rollout.plan.apply = true;
  world.step();
  world.step();
  Result<Rollout> aborted = abort_rollout(world.rollout, at(world.now), "user:x");
  ASSERT_TRUE(aborted);
  world.rollout = *aborted;
  world.fleet["A"] = EndpointFacts{.current = false};
  world.settle();
  EXPECT_EQ(world.state(), "aborting");
  world.run();
  EXPECT_EQ(world.state(), "aborted");
  EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("could not be set back"));
}

TEST(RolloutStepper, NothingIsDecidedWhileAChangeIsOnItsWay) {
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
      if (!done) {
        EXPECT_EQ(done.error().code, ErrorCode::kInvalid);
      } else {
        EXPECT_EQ(done->history.back().who, "user:x");
      }
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

TEST(Commands, AbortWaitsForAnOwnerThatIsAway) {
  for (const bool comes_back : {true, false}) {
    World world(kPlan, {"A"});
    world.rollout.plan.apply = true;
    world.step();
    world.step(false);  // put, and the answer was lost
    ASSERT_EQ(world.last_puts.size(), 1u);
    world.fleet["A"].current = false;
    Result<Rollout> aborted = abort_rollout(world.rollout, at(world.now), "user:x");
    ASSERT_TRUE(aborted);
    world.rollout = *aborted;
    world.pass(100);
    EXPECT_EQ(world.state(), "aborting");
    if (comes_back) {
      world.fleet["A"].assigned = {{"new", "old-A"}, "", true};
      world.fleet["A"].current = true;
    }
    world.run();
    EXPECT_EQ(world.state(), "aborted");
    EXPECT_FALSE(world.fleet["A"].assigned.apply);
    EXPECT_EQ(world.rollout.waves[0].endpoints[0].reason,
              comes_back ? "" : "its Apply could not be set back: what its owner has of it is not known now");
  }
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
}  // namespace mullion::rollout
