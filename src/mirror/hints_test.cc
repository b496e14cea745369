#include "mirror/internal/hints.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

using namespace std::chrono_literals;

const Hint kA{"machines", "a"};
const env::SteadyTime kNow(1h);

TEST(Hints, AnObjectIsAskedForOnceHoweverOftenItIsNamed) {
  Hints hints;
  hints.add("machines", "a");
  hints.add("machines", "a");
  EXPECT_EQ(hints.take(kNow), kA);
  EXPECT_EQ(hints.take(kNow), std::nullopt);
  EXPECT_FALSE(hints.settled(hints.now()));
  hints.done(kA);
  EXPECT_TRUE(hints.empty());
  EXPECT_TRUE(hints.settled(hints.now()));
}

TEST(Hints, AnAnswerUnderWayDoesNotCoverWhatIsSaidMeanwhile) {
  Hints hints;
  hints.add("machines", "a");
  const uint64_t before = hints.now();
  ASSERT_EQ(hints.take(kNow), kA);
  EXPECT_TRUE(hints.is_newest(kA));
  hints.add("machines", "a");
  EXPECT_TRUE(hints.is_newest(kA)) << "it is newer than what the replica holds";
  hints.done(kA);
  EXPECT_TRUE(hints.settled(before));
  EXPECT_FALSE(hints.settled(hints.now()));
  EXPECT_EQ(hints.take(kNow), kA);
  hints.done(kA);
  EXPECT_TRUE(hints.settled(hints.now()));
}

TEST(Hints, WhatFailedIsAskedForAgainAndOthersDoNotWaitForIt) {
  Hints hints;
  hints.add("machines", "a");
  (void)hints.take(kNow);
  EXPECT_TRUE(hints.failed(kA, kNow));
  EXPECT_EQ(hints.take(kNow), std::nullopt) << "not at once";
  EXPECT_EQ(hints.next_due(), kNow + 1s);
  EXPECT_TRUE(hints.settled(hints.now()));
  EXPECT_TRUE(hints.is_failing("machines"));
  EXPECT_FALSE(hints.is_failing("profiles"));
  EXPECT_EQ(hints.take(kNow + 1s), kA);
  EXPECT_TRUE(hints.is_failing("machines")) << "the answer is still to come";
  hints.add("machines", "a");
  hints.done(kA);
  EXPECT_TRUE(hints.is_failing("machines")) << "nobody waited for what was said meanwhile";
  ASSERT_EQ(hints.take(kNow + 1s), kA);
  hints.done(kA);
  EXPECT_FALSE(hints.is_failing("machines"));
}

TEST(Hints, IsAskedTellsOfFirstAnswersOnly) {
  Hints hints;
  hints.add("machines", "a");
  hints.add("machines", "b");
  const uint64_t mark = hints.now();
  hints.add("machines", "c");
  EXPECT_TRUE(hints.is_asked("profiles", mark));
  EXPECT_FALSE(hints.is_asked("machines", mark));
  ASSERT_EQ(hints.take(kNow), kA);
  EXPECT_TRUE(hints.failed(kA, kNow));
  EXPECT_FALSE(hints.is_asked("machines", mark));
  const Hint b{"machines", "b"};
  ASSERT_EQ(hints.take(kNow), b);
  EXPECT_FALSE(hints.is_asked("machines", mark)) << "the answer is under way";
  hints.done(b);
  EXPECT_TRUE(hints.is_asked("machines", mark)) << "c came later, and a is asked for again in its time";
}

TEST(Hints, OfEventsLongKeysMeanAWalkAndOfWhatIsHereNot) {
  const std::string longer(Hints::kLongestKey + 1, 'k');
  Hints hints;
  hints.add("machines", longer);
  EXPECT_TRUE(hints.empty());
  EXPECT_TRUE(hints.overflows("machines"));
  hints.add_held("profiles", longer);
  EXPECT_FALSE(hints.overflows("profiles"));
  const Hint held{"profiles", longer};
  EXPECT_EQ(hints.take(kNow), held);
}

TEST(Hints, WhatOverflowedIsPutBackWhenItWasNotWalkedThrough) {
  Hints hints;
  for (size_t i = 0; i <= Hints::kMostOfOne; ++i) hints.add("machines", fmt::format("k{}", i));
  EXPECT_TRUE(hints.overflows("machines"));
  EXPECT_FALSE(hints.overflows("profiles"));
  const uint64_t mark = hints.now();
  const std::set<std::string> overflown = hints.take_overflown();
  EXPECT_FALSE(hints.overflows("machines"));
  hints.put_back(overflown);
  EXPECT_TRUE(hints.overflows("machines"));
  EXPECT_FALSE(hints.settled(mark));
  EXPECT_EQ(hints.take_overflown(), overflown);
  hints.walked(mark);
  EXPECT_TRUE(hints.settled(mark));
}

TEST(Hints, WhatFailsTooOftenIsLeftToTheWalk) {
  Hints hints;
  hints.add("machines", "a");
  env::SteadyTime now = kNow;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(hints.take(now), kA);
    ASSERT_TRUE(hints.failed(kA, now));
    now = *hints.next_due();
  }
  ASSERT_EQ(hints.take(now), kA);
  EXPECT_FALSE(hints.failed(kA, now));
  EXPECT_TRUE(hints.empty());
}

TEST(Hints, AnObjectIsQuietWhileNothingIsHeardOrWrittenOfIt) {
  Hints hints;
  const uint64_t mark = hints.now();
  EXPECT_TRUE(hints.is_quiet_since(kA, mark));
  hints.add("machines", "b");
  EXPECT_TRUE(hints.is_quiet_since(kA, mark));
  hints.add("machines", "a");
  (void)hints.take(kNow);
  hints.done({"machines", "b"});
  (void)hints.take(kNow);
  hints.done(kA);
  EXPECT_FALSE(hints.is_quiet_since(kA, mark)) << "also when that was asked for and is written";
  const uint64_t later = hints.now();
  EXPECT_TRUE(hints.is_quiet_since(kA, later));
  hints.overtake(kA);
  EXPECT_FALSE(hints.is_quiet_since(kA, later));
}

TEST(Hints, WhatIsNotRememberedAnyMoreIsNotQuiet) {
  Hints hints;
  const uint64_t mark = hints.now();
  for (size_t i = 0; i <= Hints::kMost; ++i) hints.overtake({"machines", std::to_string(i)});
  EXPECT_FALSE(hints.is_quiet_since(kA, mark));
  EXPECT_TRUE(hints.is_quiet_since(kA, hints.now()));
}

TEST(Hints, ANewerAnswerOvertakesTheOneUnderWay) {
  Hints hints;
  hints.add("machines", "a");
  (void)hints.take(kNow);
  hints.overtake(kA);
  EXPECT_FALSE(hints.is_newest(kA));
  hints.done(kA);
  EXPECT_EQ(hints.take(kNow), kA) << "the last word is asked for";
}

TEST(Hints, APageIsOlderThanWhatCameSinceItWasAskedFor) {
  Hints hints;
  hints.begin_page("machines");
  EXPECT_FALSE(hints.is_overtaken("machines", "a"));
  hints.add("machines", "a");
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it will be asked for";
  (void)hints.take(kNow);
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it is being asked for";
  hints.done(kA);
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it was asked for after the page";
  EXPECT_FALSE(hints.is_overtaken("profiles", "a"));
  hints.begin_page("machines");
  EXPECT_FALSE(hints.is_overtaken("machines", "a"));
}

TEST(Hints, WithManyOfOneCollectionItIsWalkedThroughInstead) {
  Hints hints;
  hints.add("profiles", "p");
  for (size_t i = 0; i < Hints::kMostOfOne; ++i) hints.add("machines", std::to_string(i));
  ASSERT_EQ(hints.take(kNow), (Hint{"profiles", "p"}));
  const std::optional<Hint> under_way = hints.take(kNow);
  ASSERT_TRUE(under_way);
  EXPECT_FALSE(hints.overflows());
  hints.add("machines", "one more");
  EXPECT_TRUE(hints.overflows());
  EXPECT_EQ(hints.size(), 2U) << "what is under way is still waited for";
  EXPECT_EQ(hints.take(kNow), std::nullopt);
  hints.done(*under_way);
  hints.done({"profiles", "p"});
  EXPECT_TRUE(hints.settled(2)) << "what was under way is there";
  EXPECT_FALSE(hints.settled(3)) << "the next machine was named then, and has not been walked through";
  EXPECT_EQ(hints.take_overflown(), std::set<std::string>{"machines"});
  const uint64_t mark = hints.now();
  hints.walked(mark);
  EXPECT_TRUE(hints.settled(mark));
  hints.add("machines", "7");
  EXPECT_EQ(hints.take(kNow), (Hint{"machines", "7"})) << "hints count again";
}

TEST(Hints, WithTooManyInAllCollectionsAreWalkedThrough) {
  Hints hints;
  for (size_t i = 0; i < Hints::kMost; ++i) hints.add(fmt::format("type{}", i % 100), std::to_string(i));
  EXPECT_FALSE(hints.overflows());
  hints.add("machines", "one more");
  EXPECT_EQ(hints.size(), Hints::kMost);
  EXPECT_EQ(hints.take_overflown(), std::set<std::string>{"machines"});
}

TEST(Hints, WhatOverflowsDuringAWalkIsNotCoveredByIt) {
  Hints hints;
  for (size_t i = 0; i <= Hints::kMostOfOne; ++i) hints.add("machines", std::to_string(i));
  (void)hints.take_overflown();
  const uint64_t mark = hints.now();
  for (size_t i = 0; i <= Hints::kMostOfOne; ++i) hints.add("profiles", std::to_string(i));
  hints.walked(mark);
  EXPECT_TRUE(hints.settled(mark));
  EXPECT_FALSE(hints.settled(hints.now()));
}

TEST(Hints, KeysWithoutEndAreNotRemembered) {
  Hints hints;
  hints.add("machines", std::string(Hints::kLongestKey + 1, 'k'));
  EXPECT_TRUE(hints.empty());
  EXPECT_TRUE(hints.overflows());
}

}  // namespace
}  // namespace mullion::mirror
