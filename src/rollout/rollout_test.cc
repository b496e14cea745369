// The machine of rollouts on its way forward.
#include "rollout/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rollout/rollout_testing.h"

namespace mullion::rollout {
namespace {

using testing::at;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kFive;
using testing::kPlan;
using testing::World;

TEST(RolloutStepper, GoesThroughItsWaves) {
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

TEST(RolloutStepper, RecordsWhatWasThereBeforeItPuts) {
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

TEST(RolloutStepper, AFailedGateReturnsEverything) {
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

TEST(RolloutStepper, AGateMayTakeItsTime) {
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

TEST(RolloutStepper, ADarkEndpointLeavesTheGateOpenUntilItsLimit) {
  World world(kPlan, kFive);
  world.settle();
  world.fleet["A"].connected = false;
  world.pass(60);
  EXPECT_EQ(world.state(), "soaking");
  world.pass(300);
  EXPECT_EQ(world.state(), "returned");
  EXPECT_THAT(world.rollout.reason, HasSubstr("1 of 1 endpoints failed"));
}

TEST(RolloutStepper, MustLookDoneForAWhile) {
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

TEST(RolloutStepper, ThePlanForTheOldSetsSaysNothing) {
  World world(kPlan, kFive);
  world.lags = true;
  world.settle();
  EXPECT_EQ(world.fleet["A"].assigned.sets.front(), "new");
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.pass(100);
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.fleet["A"].planned = true;
  world.fleet["A"].actions = 2;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.fleet["A"].actions = 0;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kDone);
}

TEST(RolloutStepper, AnEndpointThatIsDisabledMeanwhileFails) {
  World world(kPlan, kFive);
  world.rollout.plan.return_on_failure = false;
  world.fleet["A"].actions = 1;
  world.settle();
  world.fleet["A"].disabled = true;
  world.fleet["A"].actions = 0;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kFailed);
  EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("VersionSetsDisabled"));
}

TEST(RolloutStepper, AnEndpointFailsAfterItsLimit) {
  const auto dark = [](EndpointFacts& facts) { facts.connected = false; };
  const auto held_up = [](EndpointFacts& facts) {
    facts.connected = false;
    facts.held_up = "endpoints cannot be read there: they answer 500";
  };
  const auto errors = [](EndpointFacts& facts) { facts.errors = {"no space"}; };
  const auto actions = [](EndpointFacts& facts) { facts.actions = facts.failed_actions = 2; };
  const std::vector<std::pair<std::function<void(EndpointFacts&)>, std::string>> cases{
      {dark, "it is not connected"},
      {held_up, "endpoints cannot be read there: they answer 500"},
      {errors, "no space"},
      {actions, "2 actions failed"}};
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

TEST(RolloutStepper, TroubleThatPassesIsForgiven) {
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

TEST(RolloutStepper, ResumeTriesFailedEndpointsAgain) {
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

TEST(RolloutStepper, FailuresAreToleratedUpToTheirLimit) {
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
  // Put up with is not done: every wave had its turn, and it is said what came of it.
  EXPECT_EQ(patient.state(), "failed");
  EXPECT_EQ(patient.rollout.reason, "2 of 5 endpoints failed");
  EXPECT_EQ(patient.rollout.ended, at(patient.now));
  std::vector<std::string> waves;
  for (const Wave& wave : patient.rollout.waves) waves.push_back(wave.state);
  EXPECT_EQ(waves, (std::vector<std::string>{"done", "failed", "failed"}));
  EXPECT_EQ(patient.state_of("D"), EndpointState::kDone);
  EXPECT_TRUE(return_rollout(patient.rollout, at(patient.now), "user:x")) << "it can be taken back";
}

TEST(RolloutStepper, AWaveThatFailsEverywhereStopsWhateverIsToleratedElsewhere) {
  for (const size_t failing : {1U, 2U}) {
    World world(kPlan, kFive);
    world.rollout.plan.most_failed = 100;
    for (const char* id : {"B", "C"}) world.fleet[id].disabled = true;
    if (failing == 1) world.fleet["C"].disabled = false;
    world.run();
    EXPECT_EQ(world.state(), failing == 1 ? "failed" : "returned");
    EXPECT_EQ(world.rollout.reason,
              failing == 1 ? "1 of 5 endpoints failed" : "every endpoint of wave 2 failed");
    EXPECT_EQ(world.state_of("D"), failing == 1 ? EndpointState::kDone : EndpointState::kWaiting);
  }
  World canary(kPlan, kFive);
  canary.rollout.plan.most_failed = 3;
  canary.rollout.plan.return_on_failure = false;
  canary.fleet["A"].errors = {"no space"};
  canary.run();
  EXPECT_EQ(canary.state(), "paused");
  EXPECT_EQ(canary.rollout.reason, "every endpoint of wave 1 failed");
  EXPECT_EQ(canary.state_of("B"), EndpointState::kWaiting);
}

TEST(RolloutStepper, AWaveHasALimit) {
  World world(kPlan, kFive);
  world.fleet["A"].actions = 1;
  world.run();
  EXPECT_EQ(world.state(), "returned");
  EXPECT_EQ(world.rollout.reason, "wave 1 took longer than its limit");
  EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"old-A"}));
}

TEST(RolloutStepper, WhatSomebodyElseChangedFails) {
  World world(kPlan, kFive);
  world.fleet["A"].actions = 1;
  world.settle();
  world.fleet["A"].assigned.sets = {"by hand"};
  world.rollout.plan.return_on_failure = false;
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kFailed);
  EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("changed by somebody else"));
}

/// In the states in which the rollout itself writes: nothing of somebody else is written over.
TEST(RolloutStepper, WhatSomebodyElseChangedMeanwhileIsNotOverwritten) {
  for (const EndpointState when : {EndpointState::kPutting, EndpointState::kClosing}) {
    World world(kPlan, kFive);
    world.rollout.plan.return_on_failure = false;
    world.rollout.plan.apply = true;
    if (when == EndpointState::kClosing) {
      world.fleet["A"].actions = 1;
      world.settle();
      world.fleet["A"].actions = 0;
    }
    while (world.step(false)) {
    }
    ASSERT_EQ(world.state_of("A"), when);
    ASSERT_FALSE(world.last_puts.empty());
    world.fleet["A"].assigned.sets = {"by hand"};
    world.settle();
    EXPECT_EQ(world.state_of("A"), EndpointState::kFailed);
    EXPECT_THAT(world.rollout.waves[0].endpoints[0].reason, HasSubstr("changed by somebody else"));
    EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"by hand"}));
  }
}

TEST(RolloutStepper, AnEndpointThatIsGoneFails) {
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

TEST(RolloutStepper, ApplyIsTrueOnlyMeanwhile) {
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

TEST(RolloutStepper, NothingIsPutForWhoMayNotGoOn) {
  World world(kPlan, kFive);
  while (world.step(false)) {
  }
  ASSERT_EQ(world.state_of("A"), EndpointState::kPutting);
  world.fleet["A"].busy = true;  // it is on its way
  world.lapse = "gone";
  world.settle();
  EXPECT_EQ(world.state(), "paused");
  EXPECT_EQ(world.rollout.reason, "gone");
  EXPECT_EQ(world.state_of("A"), EndpointState::kPutting);
  world.fleet["A"].busy = false;  // and did not arrive
  world.settle();
  EXPECT_EQ(world.state_of("A"), EndpointState::kWaiting);
  EXPECT_TRUE(world.last_puts.empty());
  EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"old-A"}));
  // Whoever goes on begins with what is there then.
  world.fleet["A"].assigned.sets = {"by hand"};
  world.lapse.clear();
  world.rollout = *resume_rollout(world.rollout, at(world.now), "user:other");
  world.run();
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.fleet["A"].assigned.sets, (std::vector<std::string>{"new", "by hand"}));
}

TEST(RolloutStepper, WhatIsThereIsFinishedAndTheNextWaveDoesNotBegin) {
  World world(kPlan, kFive);
  world.rollout.plan.apply = true;
  world.fleet["A"].actions = 1;
  world.settle();
  world.lapse = "gone";
  world.settle();
  ASSERT_EQ(world.state_of("A"), EndpointState::kApplying);
  world.fleet["A"].actions = 0;
  world.run();
  EXPECT_EQ(world.state_of("A"), EndpointState::kDone);
  EXPECT_FALSE(world.fleet["A"].assigned.apply);
  EXPECT_EQ(world.state(), "paused");
  for (const char* id : {"B", "C", "D", "E"})
    EXPECT_EQ(world.fleet[id].assigned.sets, (std::vector<std::string>{std::string("old-") + id}));
}

TEST(RolloutStepper, AWayBackForWhoMayNotGoOnHasFailed) {
  World world(kPlan, kFive);
  world.fleet["A"].actions = 1;
  world.settle();
  world.rollout = *return_rollout(world.rollout, at(world.now), "user:tester");
  world.fleet["A"].busy = true;
  world.lapse = "gone";
  world.settle();
  EXPECT_EQ(world.state(), "returning") << "what is under way is waited for";
  world.fleet["A"].busy = false;
  world.settle();
  EXPECT_EQ(world.state(), "failed");
  EXPECT_EQ(world.rollout.reason, "gone; not returned: A");
  world.lapse.clear();
  world.rollout = *return_rollout(world.rollout, at(world.now), "user:other");
  world.fleet["A"].actions = 0;
  world.run();
  EXPECT_EQ(world.state(), "returned");
}

}  // namespace
}  // namespace mullion::rollout
