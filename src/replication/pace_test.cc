#include "replication/internal/pace.h"

#include <gtest/gtest.h>

namespace mullion::replication {
namespace {

using namespace std::chrono_literals;

/// Writes of `bytes` that are waited for so long each, until the peer is given up; 0: not in 1000 writes.
int writes_until_given_up(size_t bytes, std::chrono::nanoseconds waited) {
  Pace pace;
  for (int count = 1; count <= 1000; ++count) {
    if (!pace.keeps(bytes, waited)) return count;
  }
  return 0;
}

TEST(Pace, WhoTakesALittleNowAndThenIsGivenUp) {
  EXPECT_EQ(writes_until_given_up(20'000, 29s), 2);
  EXPECT_EQ(writes_until_given_up(1000, 1s), 30);
  EXPECT_EQ(writes_until_given_up(0, 31s), 1);
}

TEST(Pace, WhoIsSlowButGoesOnIsNot) {
  EXPECT_EQ(writes_until_given_up(64'000, 300ms), 0);
  EXPECT_EQ(writes_until_given_up(64'000, 29s), 0);
  EXPECT_EQ(writes_until_given_up(100, 0s), 0);
}

TEST(Pace, ALargeWriteMayTakeItsTime) {
  EXPECT_EQ(Pace::limit(100), 30s);
  EXPECT_EQ(Pace::limit(700'000), 30s);
  EXPECT_EQ(Pace::limit(32'768 * 300), 300s);
  EXPECT_EQ(writes_until_given_up(32'768 * 300, 299s), 0);
}

}  // namespace
}  // namespace mullion::replication
