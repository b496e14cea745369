#include "env/clock.h"

#include <gtest/gtest.h>

#include <set>

#include "env/random.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

std::string through(std::string_view text) {
  WallTime time;
  return parse_rfc3339(text, time) ? format_rfc3339(time) : "not a time";
}

TEST(Rfc3339, RoundTrips) {
  EXPECT_EQ(through("2026-01-01T00:00:00.000000001Z"), "2026-01-01T00:00:00.000000001Z");
  EXPECT_EQ(through("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(through("1969-12-31T23:59:59.5Z"), "1969-12-31T23:59:59.500000000Z");
  EXPECT_EQ(through("2024-02-29T12:34:56.789z"), "2024-02-29T12:34:56.789000000Z");
  const WallTime now = system_clock().wall();
  WallTime parsed;
  ASSERT_TRUE(parse_rfc3339(format_rfc3339(now), parsed));
  EXPECT_EQ(parsed, now);
}

TEST(Rfc3339, TakesOffsetsAndLongFractions) {
  EXPECT_EQ(through("2026-01-01T01:30:00+01:30"), "2026-01-01T00:00:00.000000000Z");
  EXPECT_EQ(through("2025-12-31T19:00:00-05:00"), "2026-01-01T00:00:00.000000000Z");
  EXPECT_EQ(through("2026-01-01T00:00:00.123456789999Z"), "2026-01-01T00:00:00.123456789Z");
}

TEST(Rfc3339, PinsTimesOutOfRangeToTheEdge) {
  WallTime first;
  WallTime last;
  ASSERT_TRUE(parse_rfc3339("0001-01-01T00:00:00Z", first));  // the zero time of Go clients
  ASSERT_TRUE(parse_rfc3339("9999-12-31T23:59:59Z", last));
  EXPECT_LT(first, WallTime{});
  EXPECT_GT(last, system_clock().wall());
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
                           "2025-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00Zx", "2026-1-01T00:00:00Z", "2026-01-01 00:00:00Z"}) {
    EXPECT_EQ(through(text), "not a time") << text;
  }
}

TEST(Clock, TheManualOneMovesOnlyByHand) {
  ManualClock clock;
  EXPECT_EQ(format_rfc3339(clock.wall()), "2026-01-01T00:00:00.000000000Z");
  const SteadyTime before = clock.steady();
  clock.advance(90s);
  EXPECT_EQ(clock.steady() - before, 90s);
  EXPECT_EQ(format_rfc3339(clock.wall()), "2026-01-01T00:01:30.000000000Z");
  const SteadyTime real = system_clock().steady();
  EXPECT_GE(system_clock().steady(), real);
}

TEST(Random, GivesFreshIdsOfTheRightShape) {
  std::set<uint64_t> ids;
  std::set<std::string> uuids;
  for (int i = 0; i < 1000; ++i) {
    ids.insert(random_id());
    uuids.insert(random_uuid());
    const double unit = random_unit();
    EXPECT_GE(unit, 0.0);
    EXPECT_LT(unit, 1.0);
  }
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ(ids.count(0), 0u);
  ASSERT_EQ(uuids.size(), 1000u);
  const std::string& uuid = *uuids.begin();
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
}

}  // namespace
}  // namespace mullion::env
