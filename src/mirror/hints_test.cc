#include "mirror/internal/hints.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

const Hint kA{"machines", "a"};

TEST(Hints, AnObjectIsAskedForOnceHoweverOftenItIsNamed) {
  Hints hints;
  hints.add("machines", "a");
  hints.add("machines", "a");
  EXPECT_EQ(hints.take(), kA);
  EXPECT_EQ(hints.take(), std::nullopt);
  EXPECT_FALSE(hints.settled(hints.now()));
  hints.done(kA);
  EXPECT_TRUE(hints.empty());
  EXPECT_TRUE(hints.settled(hints.now()));
}

TEST(Hints, AnAnswerUnderWayDoesNotCoverWhatIsSaidMeanwhile) {
  Hints hints;
  hints.add("machines", "a");
  const uint64_t before = hints.now();
  ASSERT_EQ(hints.take(), kA);
  EXPECT_TRUE(hints.is_newest(kA));
  hints.add("machines", "a");
  EXPECT_FALSE(hints.is_newest(kA)) << "the answer may be older";
  hints.done(kA);
  EXPECT_TRUE(hints.settled(before));
  EXPECT_FALSE(hints.settled(hints.now()));
  EXPECT_EQ(hints.take(), kA);
  hints.done(kA);
  EXPECT_TRUE(hints.settled(hints.now()));
}

TEST(Hints, WhatFailedIsAskedForAgainAndIsNotSettled) {
  Hints hints;
  hints.add("machines", "a");
  (void)hints.take();
  hints.failed(kA);
  EXPECT_FALSE(hints.settled(hints.now()));
  EXPECT_EQ(hints.take(), kA);
}

TEST(Hints, ANewerAnswerOvertakesTheOneUnderWay) {
  Hints hints;
  hints.add("machines", "a");
  (void)hints.take();
  hints.overtake(kA);
  EXPECT_FALSE(hints.is_newest(kA));
  hints.done(kA);
  EXPECT_EQ(hints.take(), kA) << "the last word is asked for";
}

TEST(Hints, APageIsOlderThanWhatCameSinceItWasAskedFor) {
  Hints hints;
  hints.begin_page("machines");
  EXPECT_FALSE(hints.is_overtaken("machines", "a"));
  hints.add("machines", "a");
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it will be asked for";
  (void)hints.take();
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it is being asked for";
  hints.done(kA);
  EXPECT_TRUE(hints.is_overtaken("machines", "a")) << "it was asked for after the page";
  EXPECT_FALSE(hints.is_overtaken("profiles", "a"));
  hints.begin_page("machines");
  EXPECT_FALSE(hints.is_overtaken("machines", "a"));
}

TEST(Hints, WithTooManyTheCollectionIsWalkedThrough) {
  Hints hints;
  for (size_t i = 0; i < Hints::kMost; ++i) hints.add("machines", std::to_string(i));
  EXPECT_FALSE(hints.overflows());
  hints.add("machines", "one more");
  EXPECT_TRUE(hints.overflows());
  EXPECT_EQ(hints.size(), Hints::kMost);
  while (const std::optional<Hint> next = hints.take()) hints.done(*next);
  EXPECT_FALSE(hints.settled(hints.now())) << "the collection has not been walked through";
  EXPECT_EQ(hints.take_overflown(), std::set<std::string>{"machines"});
  const uint64_t mark = hints.now();
  hints.walked(mark);
  EXPECT_TRUE(hints.settled(mark));
}

TEST(Hints, WhatOverflowsDuringAWalkIsNotCoveredByIt) {
  Hints hints;
  for (size_t i = 0; i <= Hints::kMost; ++i) hints.add("machines", std::to_string(i));
  (void)hints.take_overflown();
  const uint64_t mark = hints.now();
  hints.add("profiles", "new");
  while (const std::optional<Hint> next = hints.take()) hints.done(*next);
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
