#include "mirror/internal/troubles.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

using namespace std::chrono_literals;

constexpr env::SteadyTime at(env::Duration time) { return env::SteadyTime{} + time; }
Trouble trouble(std::string prefix, std::string reason, int since = 0) {
  return {std::move(prefix), std::move(reason), env::WallTime(std::chrono::seconds(since))};
}

TEST(Troubles, AreTriedAgainLaterEachTimeUpToALimit) {
  Troubles troubles({}, 60s);
  env::SteadyTime now = at(0s);
  for (const env::Duration pause : {5s, 10s, 20s, 40s, 60s, 60s}) {
    troubles.failed(trouble("stages", "stages answers 500"), now);
    EXPECT_EQ(troubles.next_due(), now + pause);
    EXPECT_TRUE(troubles.due(now + pause - 1ms).empty());
    now += pause;
    EXPECT_EQ(troubles.due(now), std::vector<std::string>{"stages"});
  }
  EXPECT_TRUE(troubles.fine("stages"));
  EXPECT_FALSE(troubles.fine("stages"));
  EXPECT_EQ(troubles.next_due(), std::nullopt);
  troubles.failed(trouble("stages", "stages answers 500"), now);
  EXPECT_EQ(troubles.next_due(), now + 5s) << "a new one";
}

TEST(Troubles, HaveTheTimeOfTheirFirstFailureAndTheReasonOfTheLast) {
  Troubles troubles({}, 60s);
  troubles.failed(trouble("stages", "stages answers 500", 7), at(0s));
  troubles.failed(trouble("stages", "stages answers 502", 8), at(5s));
  ASSERT_EQ(troubles.all().size(), 1U);
  EXPECT_EQ(troubles.all().front(), trouble("stages", "stages answers 502", 7));
}

TEST(Troubles, OfTheConnectionBeforeStandUntilTheyAreRead) {
  Troubles troubles({trouble("stages", "stages answers 500", 7)}, 60s);
  EXPECT_EQ(troubles.next_due(), std::nullopt) << "the first walk tries them";
  EXPECT_EQ(troubles.all().size(), 1U);
  troubles.failed(trouble("stages", "stages answers 500", 9), at(0s));
  EXPECT_EQ(troubles.all().front().since, env::WallTime(7s));
  EXPECT_TRUE(troubles.fine("stages"));
  EXPECT_TRUE(troubles.all().empty());
}

TEST(Troubles, GoWithTheirCollections) {
  Troubles troubles({}, 60s);
  for (const char* prefix : {"a", "b"}) troubles.failed(trouble(prefix, "500"), at(0s));
  troubles.keep({"b", "c"});
  EXPECT_EQ(troubles.due(at(5s)), std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace mullion::mirror
