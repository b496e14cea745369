// What dates of answers say of the clock that wrote them.
#include "manager/clock_apart.h"

#include <gtest/gtest.h>

#include "net/range.h"

namespace mullion::manager {
namespace {

using namespace std::chrono_literals;

constexpr env::WallTime kNoon{std::chrono::sys_days{std::chrono::year{2026} / 12 / 2} + 12h};

TEST(ClockApart, NothingIsKnownBeforeAnAnswer) {
  ClockApart clocks;
  EXPECT_EQ(clocks.seconds(), std::nullopt);
  clocks.told("yesterday", kNoon, kNoon);
  EXPECT_EQ(clocks.seconds(), std::nullopt);
}

TEST(ClockApart, WhatFitsToOurClockIsTheSame) {
  for (const env::Duration own : {0ms, 1ms, 500ms, 999ms, 1000ms}) {
    ClockApart clocks;
    clocks.told(net::format_http_date(kNoon), kNoon + own, kNoon + own + 10ms);
    EXPECT_EQ(clocks.seconds(), 0) << own / 1ms;
  }
}

TEST(ClockApart, TheMiddleOfWhatItCanBe) {
  ClockApart clocks;
  clocks.told(net::format_http_date(kNoon + 90s), kNoon, kNoon + 200ms);
  EXPECT_NEAR(clocks.seconds().value_or(0), 90.4, 1e-6);
  clocks.told(net::format_http_date(kNoon - 90s), kNoon, kNoon + 200ms);
  EXPECT_NEAR(clocks.seconds().value_or(0), -89.6, 1e-6);
}

TEST(ClockApart, AnAnswerThatTookLongSaysNothing) {
  ClockApart clocks;
  clocks.told(net::format_http_date(kNoon + 90s), kNoon, kNoon + 1001ms);
  EXPECT_EQ(clocks.seconds(), std::nullopt);
  clocks.told(net::format_http_date(kNoon + 90s), kNoon, kNoon - 1s);  // our own clock was set meanwhile
  EXPECT_EQ(clocks.seconds(), std::nullopt);
}

}  // namespace
}  // namespace mullion::manager
