#include "apply/internal/step.h"

#include <gtest/gtest.h>

namespace mullion::apply {
namespace {

using std::chrono::seconds;

Action pref(std::string name, std::vector<size_t> after = {}) {
  Action action;
  action.name = std::move(name);
  action.verb = "Set";
  action.value = "x";
  action.after = std::move(after);
  return action;
}

class Steps : public ::testing::Test {
 protected:
  Steps() {
    plan_.actions = {pref("a"), pref("b", {0}), pref("c")};
    plan_.deletions_from = 2;
    situation_.plan = &plan_;
    situation_.apply = true;
    situation_.now = env::SteadyTime(std::chrono::hours(1));
    situation_.lease = {true, "", situation_.now + std::chrono::hours(9), {}};
  }
  Step next() const { return next_step(situation_, memory_); }
  std::string key(size_t i) const { return plan_.actions[i].key(); }
  void later(env::Duration time) { situation_.now += time; }
  void expect_act(size_t action) {
    EXPECT_EQ(next().kind, Step::Kind::kAct);
    EXPECT_EQ(next().action, action);
  }

  Plan plan_;
  PassMemory memory_;
  Situation situation_;
};

TEST_F(Steps, GoesInOrderAndWaitsForWhatComesBefore) {
  expect_act(0);
  memory_.failed(key(0), "no", false);
  expect_act(2);  // b needs a
  memory_.succeeded(key(2), true, situation_.now);
  EXPECT_EQ(next().kind, Step::Kind::kBeginPass) << "something was done: what failed is tried again";
  memory_.begin_pass();
  expect_act(0);
  memory_.succeeded(key(0), true, situation_.now);
  expect_act(1);
}

TEST_F(Steps, HoldsDeletionsBackWhileThereIsAProblem) {
  plan_.problems = {"something is missing"};
  memory_.succeeded(key(0), true, situation_.now);
  memory_.succeeded(key(1), true, situation_.now);
  EXPECT_EQ(next().kind, Step::Kind::kWait) << "for the endpoint to tell";
  plan_.actions.erase(plan_.actions.begin(), plan_.actions.begin() + 2);
  plan_.deletions_from = 0;
  EXPECT_EQ(next().kind, Step::Kind::kRelease);
  plan_.problems.clear();
  expect_act(0);
}

TEST_F(Steps, TakesAndGivesBackTheLease) {
  struct Case {
    std::string_view what;
    bool apply, held;
    std::string other;
    int left;
    Step::Kind expected;
  };
  for (const Case& one : std::vector<Case>{{"work to do", true, false, "", 0, Step::Kind::kTakeLease},
                                           {"another has it", true, false, "R2", 5, Step::Kind::kWait},
                                           {"his has run out", true, false, "R2", 0, Step::Kind::kTakeLease},
                                           {"ours has run out", true, true, "", 0, Step::Kind::kTakeLease},
                                           {"ours", true, true, "", 5, Step::Kind::kAct},
                                           {"switched off", false, true, "", 5, Step::Kind::kRelease},
                                           {"off", false, false, "", 0, Step::Kind::kRest}}) {
    situation_.apply = one.apply;
    situation_.lease = {one.held, one.other, situation_.now + seconds(one.left), {}};
    EXPECT_EQ(next().kind, one.expected) << one.what;
  }
}

TEST_F(Steps, GivesBackALeaseThatACrashLeft) {
  situation_.apply = false;
  situation_.lease.held = false;
  situation_.left_lease = true;
  EXPECT_EQ(next().kind, Step::Kind::kRelease);
  situation_.apply = true;
  EXPECT_EQ(next().kind, Step::Kind::kTakeLease) << "there is something to do";
}

TEST_F(Steps, StopsWithoutProgressAndPausesLongerAndLonger) {
  env::Duration last{};
  for (int round = 0; round < 12; ++round) {
    for (size_t i = 0; i < 3; ++i) memory_.failed(key(i), "no", false);
    ASSERT_EQ(next().kind, Step::Kind::kStop) << round;
    memory_.stop(inputs_of(plan_), situation_.now);
    EXPECT_EQ(next().kind, Step::Kind::kRelease);
    situation_.lease.held = false;
    const Step wait = next();
    ASSERT_EQ(wait.kind, Step::Kind::kWait);
    EXPECT_EQ(wait.state, "stopped");
    const env::Duration pause = wait.until - situation_.now;
    EXPECT_GE(pause, last);
    EXPECT_LE(pause, kLongestPause);
    last = pause;
    later(pause);
    ASSERT_EQ(next().kind, Step::Kind::kBeginPass);
    memory_.begin_pass();
    situation_.lease.held = true;
  }
  EXPECT_EQ(last, env::Duration(kLongestPause));
}

TEST_F(Steps, AnotherInputIsTriedAtOnce) {
  for (size_t i = 0; i < 3; ++i) memory_.failed(key(i), "no", false);
  memory_.stop(inputs_of(plan_), situation_.now);
  situation_.lease.held = false;
  later(kShortestPause);
  EXPECT_EQ(next().kind, Step::Kind::kWait);
  plan_.actions[0].value = "another";
  EXPECT_EQ(next().kind, Step::Kind::kBeginPass);
}

TEST_F(Steps, DoubtsWhatIsNeverShownAndWhatDoesNotStay) {
  plan_.actions = {pref("a")};
  plan_.deletions_from = 1;
  memory_.succeeded(key(0), true, situation_.now);
  EXPECT_EQ(next().kind, Step::Kind::kWait);
  later(kSettle);
  EXPECT_EQ(next().kind, Step::Kind::kDoubt);
  memory_.keep(Plan{});  // shown at last
  expect_act(0);         // and changed again
  for (int i = 1; i < static_cast<int>(kMostChanges); ++i) {
    memory_.succeeded(key(0), true, situation_.now);
    memory_.keep(Plan{});
  }
  EXPECT_EQ(next().kind, Step::Kind::kUndone);
  later(kChurnTime);
  expect_act(0);
}

TEST_F(Steps, ABrokenConnectionIsAskedForBeforeItIsBlamedOnTheAction) {
  for (int i = 1; i < kMostBreaks; ++i) {
    memory_.broke(key(0), "gone", false);
    expect_act(0);
  }
  memory_.broke(key(0), "gone", false);
  expect_act(2);
  memory_.unreachable("gone", situation_.now);
  situation_.lease.held = false;
  EXPECT_EQ(next().state, "not connected");
  later(kShortestRetry);
  EXPECT_EQ(next().kind, Step::Kind::kWait);
  memory_.heard(situation_.now);
  EXPECT_EQ(next().kind, Step::Kind::kTakeLease);
}

}  // namespace
}  // namespace mullion::apply
