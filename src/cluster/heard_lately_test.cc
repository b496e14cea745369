#include "cluster/internal/heard_lately.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

using namespace std::chrono_literals;

constexpr env::SteadyTime heard_at(env::Duration since) { return env::SteadyTime(1h + since); }

TEST(HeardLately, AMemberIsSilentOnlyAfterAWhile) {
  HeardLately heard(500ms);
  EXPECT_FALSE(heard.note(2, false, heard_at(0ms))) << "it was never heard";
  EXPECT_TRUE(heard.note(2, true, heard_at(100ms)));
  EXPECT_TRUE(heard.note(2, false, heard_at(200ms))) << "the core has just forgotten it";
  EXPECT_TRUE(heard.note(2, false, heard_at(600ms)));
  EXPECT_FALSE(heard.note(2, false, heard_at(601ms)));
  EXPECT_TRUE(heard.note(2, true, heard_at(700ms)));
  EXPECT_FALSE(heard.note(3, false, heard_at(700ms))) << "each for itself";
}

TEST(HeardLately, AnotherLeadBeginsAnew) {
  HeardLately heard(500ms);
  EXPECT_TRUE(heard.note(2, true, heard_at(0ms)));
  heard.forget();
  EXPECT_FALSE(heard.note(2, false, heard_at(1ms)));
}

/// As on a machine whose answers take half of the time between two checks: whoever looks now and then sees a
/// member that is there all the time.
TEST(HeardLately, WhatTheCoreForgetsAtEachCheckIsNoSilence) {
  HeardLately heard(500ms);
  for (env::Duration now = 0ms; now < 10s; now += 100ms) {
    const bool answered = now % 500ms >= 250ms;
    if (now >= 300ms) {
      EXPECT_TRUE(heard.note(2, answered, heard_at(now))) << now / 1ms;
    } else {
      EXPECT_FALSE(heard.note(2, answered, heard_at(now)));
    }
  }
}

}  // namespace
}  // namespace mullion::cluster
