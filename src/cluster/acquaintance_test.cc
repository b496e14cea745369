#include "cluster/acquaintance.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

using Verdict = Acquaintances::Verdict;

constexpr Standing kSeen{.incarnation = 5, .nonce = 77, .term = 9, .last_term = 8, .last_index = 100};

/// What a member says that was met before, by this process or by the one before it.
TEST(Acquaintance, JudgesWhoComesBack) {
  struct Case {
    const char* what;
    Standing shown;
    Verdict verdict;
  };
  const Case cases[] = {
      {"the same life, further on", {5, 77, 9, 9, 101}, Verdict::kKnown},
      {"another life, nothing lost", {6, 78, 9, 8, 100}, Verdict::kKnown},
      {"another life that counts the same", {5, 78, 9, 8, 100}, Verdict::kAmnesia},
      {"an older life", {3, 70, 9, 8, 100}, Verdict::kAmnesia},
      {"an older term", {6, 78, 8, 8, 100}, Verdict::kAmnesia},
      {"a shorter log", {6, 78, 9, 8, 99}, Verdict::kAmnesia},
      {"a longer log of an older term", {6, 78, 9, 7, 500}, Verdict::kAmnesia},
      {"a shorter log of a newer term", {6, 78, 9, 9, 50}, Verdict::kKnown},
  };
  for (const Case& one : cases) {
    Acquaintances kept(decode_met(encode_met({{2, kSeen}})));
    EXPECT_EQ(kept.meet(2, one.shown), one.verdict) << one.what;
  }
}

TEST(Acquaintance, StrangersAreKnownFromThenOn) {
  Acquaintances met;
  EXPECT_EQ(met.hear(2, kSeen), Verdict::kStale) << "before a hello";
  EXPECT_EQ(met.meet(2, kSeen), Verdict::kKnown);
  EXPECT_EQ(met.seen().at(2), kSeen);
}

TEST(Acquaintance, WhatCannotBeReadIsLeftOut) {
  EXPECT_TRUE(decode_met("").empty());
  EXPECT_TRUE(decode_met("nonsense\n").empty());
  EXPECT_EQ(decode_met(encode_met({{2, kSeen}}) + "3 1 2").size(), 1U);
}

}  // namespace
}  // namespace mullion::cluster
