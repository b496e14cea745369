#include "net/held_bodies.h"

#include <gtest/gtest.h>

#include "env/launch.h"

namespace mullion::net {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;
constexpr size_t kSmall = size_t{16} << 10;

struct HeldBodies : ::testing::Test {
  Result<std::string> read(size_t bytes, HeldShares& held) {
    const BodySourcePtr body = body_from_string(std::string(bytes, 'x'));
    return env::run(runtime, [&] { return read_held(*body, 40 * kMegabyte, budget, "", held); });
  }
  static Response answer(size_t bytes) {
    Response response;
    response.body = std::string(bytes, 'x');
    return response;
  }
  env::Runtime runtime{1};
  env::MemoryBudget budget{20 * kMegabyte};
};

TEST_F(HeldBodies, LargeRequestsAreReadAsFarAsThereIsRoom) {
  HeldShares first, second, third;
  EXPECT_EQ(read(kSmall, first)->size(), kSmall);
  EXPECT_TRUE(first.empty()) << "a small one counts for nothing";
  EXPECT_EQ(read(15 * kMegabyte, first)->size(), 15 * kMegabyte);
  const Result<std::string> refused = read(15 * kMegabyte, second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(read(kSmall, third));
  second.clear();
  EXPECT_TRUE(read(4 * kMegabyte, third));
  first.clear();
  EXPECT_TRUE(read(15 * kMegabyte, second));
  EXPECT_EQ(read(41 * kMegabyte, third).error().code, ErrorCode::kTooLarge);
}

TEST_F(HeldBodies, OneCallerLeavesRoomForOthers) {
  const auto read_as = [&](const std::string& caller, HeldShares& held) {
    const BodySourcePtr body = body_from_string(std::string(8 * kMegabyte, 'x'));
    return env::run(runtime, [&] { return read_held(*body, 40 * kMegabyte, budget, caller, held); });
  };
  HeldShares first, second, other;
  EXPECT_TRUE(read_as("user:a", first));
  EXPECT_EQ(read_as("user:a", second).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(read_as("user:b", other));
  env::MemoryBudget answers{20 * kMegabyte};
  Response one = answer(8 * kMegabyte), two = answer(8 * kMegabyte), three = answer(8 * kMegabyte);
  EXPECT_TRUE(hold_answer(one, answers, "user:a"));
  EXPECT_FALSE(hold_answer(two, answers, "user:a"));
  EXPECT_TRUE(hold_answer(three, answers, "user:b"));
}

TEST_F(HeldBodies, LargeAnswersHaveRoomUntilTheyWereSent) {
  Response first = answer(15 * kMegabyte), second = answer(15 * kMegabyte), small = answer(4 * kSmall);
  ASSERT_TRUE(hold_answer(first, budget, ""));
  EXPECT_EQ(std::get<BodySourcePtr>(first.body)->size(), 15 * kMegabyte);
  EXPECT_EQ(hold_answer(second, budget, "").error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(hold_answer(small, budget, ""));
  EXPECT_TRUE(std::holds_alternative<std::string>(small.body));
  first = Response();
  EXPECT_TRUE(hold_answer(second, budget, ""));
}

TEST_F(HeldBodies, ManyThatAreSmallAreCountedToo) {
  std::vector<HeldShares> held(100);
  size_t read_whole = 0;
  for (HeldShares& shares : held) read_whole += read(kMegabyte, shares).ok() ? 1 : 0;
  EXPECT_GE(read_whole, 10U);
  EXPECT_LE(read_whole, 20U) << "together no more than there is room for";
}

}  // namespace
}  // namespace mullion::net
