#include "cluster/in_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Sights = std::map<MemberId, PassiveSight>;

TEST(InStep, WhoIsAMemberWhenALeadBeginsIsWaitedFor) {
  InStep passives(500);
  passives.look({{2, {0, false}}}, 10, 0, 1000);
  EXPECT_THAT(passives.waited_for(), ElementsAre(2)) << "it may have been in step before";
  EXPECT_THAT(passives.in_step(), IsEmpty()) << "nobody knows";
  EXPECT_FALSE(passives.all_have({{2, {9, true}}}, 10));
  EXPECT_TRUE(passives.all_have({{2, {10, true}}}, 10));
}

TEST(InStep, WhoIsAwayForLongIsLeftBehindAndComesBackWhole) {
  InStep passives(500);
  passives.look({{2, {10, true}}}, 10, 0, 0);
  passives.look({{2, {10, false}}}, 11, 11, 499);
  EXPECT_THAT(passives.in_step(), ElementsAre(2));
  passives.look({{2, {10, false}}}, 11, 11, 500);
  EXPECT_THAT(passives.waited_for(), IsEmpty());
  EXPECT_TRUE(passives.all_have({{2, {10, false}}}, 11)) << "nobody waits for it";
  passives.look({{2, {11, true}}}, 20, 0, 600);
  EXPECT_THAT(passives.waited_for(), IsEmpty()) << "it is on its way";
  passives.look({{2, {20, true}}}, 20, 0, 700);
  EXPECT_THAT(passives.waited_for(), ElementsAre(2));
  EXPECT_THAT(passives.in_step(), ElementsAre(2));
}

TEST(InStep, ABriefAbsenceLeavesNobodyBehind) {
  InStep passives(500);
  for (uint64_t now = 0; now < 5000; now += 100) {
    const bool there = now % 400 == 0;
    passives.look({{2, {there ? now : 0, there}}}, now, now, now);
    ASSERT_THAT(passives.in_step(), ElementsAre(2)) << now;
  }
}

TEST(InStep, WhoIsSlowIsLeftBehindAsWhoIsAway) {
  InStep passives(500);
  passives.look({{2, {10, true}}}, 10, 0, 0);
  passives.look({{2, {10, true}}}, 11, 11, 250);
  passives.look({{2, {10, true}}}, 11, 11, 500);
  EXPECT_THAT(passives.waited_for(), IsEmpty());
}

TEST(InStep, WhoComesLaterIsWaitedForOnceItHasEverything) {
  InStep passives(500);
  passives.look({}, 10, 0, 0);
  passives.look({{3, {4, true}}}, 10, 0, 10);
  EXPECT_THAT(passives.waited_for(), IsEmpty());
  passives.look({{3, {10, true}}}, 10, 0, 20);
  EXPECT_THAT(passives.in_step(), ElementsAre(3));
  passives.look({}, 10, 0, 30);
  EXPECT_THAT(passives.waited_for(), IsEmpty()) << "it was removed";
}

TEST(InStep, EachLeadBeginsAnew) {
  InStep passives(500);
  passives.look({{2, {0, false}}}, 10, 10, 0);
  passives.look({{2, {0, false}}}, 10, 10, 500);
  EXPECT_THAT(passives.waited_for(), IsEmpty());
  passives.begin();
  passives.look({{2, {0, false}}}, 10, 0, 501);
  EXPECT_THAT(passives.waited_for(), ElementsAre(2));
  EXPECT_THAT(passives.in_step(), IsEmpty());
}

}  // namespace
}  // namespace mullion::cluster
