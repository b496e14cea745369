// What is remembered of lists that are being sent, and held of other large bodies.
#include <gtest/gtest.h>

#include "api/internal/held_bodies.h"
#include "api/internal/memory_budget.h"
#include "api/internal/packed_refs.h"
#include "env/launch.h"

namespace mullion::api {
namespace {

TEST(PackedRefs, GiveBackEveryObjectInOrder) {
  std::vector<store::ObjectRef> refs;
  for (int i = 0; i < 1000; ++i)
    refs.push_back({std::string(static_cast<size_t>(i % 480 + 1), static_cast<char>('a' + i % 26)),
                    i % 3 == 0 ? "" : "endpoint-" + std::to_string(i % 7)});
  PackedRefs packed(refs);
  for (const store::ObjectRef& ref : refs) {
    ASSERT_FALSE(packed.empty());
    const store::ObjectRef taken = packed.take();
    EXPECT_EQ(taken.key, ref.key);
    EXPECT_EQ(taken.owner, ref.owner);
  }
  EXPECT_TRUE(packed.empty());
}

TEST(PackedRefs, TakeLittleMoreThanTheKeys) {
  const std::vector<store::ObjectRef> refs(1000, {std::string(36, 'k'), "endpoint"});
  EXPECT_LT(PackedRefs(refs).bytes(), 1000U * 45);
  EXPECT_TRUE(PackedRefs(std::vector<store::ObjectRef>()).empty());
}

TEST(MemoryBudget, IsSharedUntilItIsGivenBack) {
  MemoryBudget budget(100);
  std::optional<MemoryBudget::Share> first = budget.take(60, "");
  ASSERT_TRUE(first);
  EXPECT_FALSE(budget.take(50, ""));
  std::optional<MemoryBudget::Share> second = budget.take(40, "");
  EXPECT_TRUE(second);
  EXPECT_FALSE(budget.take(1, ""));
  first.reset();
  EXPECT_TRUE(budget.take(60, ""));
}

TEST(MemoryBudget, OneAloneMayBeLarger) {
  MemoryBudget budget(100);
  const std::optional<MemoryBudget::Share> large = budget.take(1000, "");
  ASSERT_TRUE(large);
  EXPECT_FALSE(budget.take(1, ""));
}

TEST(MemoryBudget, OneCallerLeavesRoomForOthers) {
  MemoryBudget budget(100);
  std::optional<MemoryBudget::Share> first = budget.take(30, "user:a");
  std::optional<MemoryBudget::Share> second = budget.take(20, "user:a");
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(budget.take(1, "user:a"));
  std::optional<MemoryBudget::Share> other = budget.take(50, "user:b");
  EXPECT_TRUE(other);
  EXPECT_FALSE(budget.take(1, "user:c")) << "none is left";
  std::optional<MemoryBudget::Share> moved(std::move(*first));
  first.reset();
  EXPECT_FALSE(budget.take(1, "user:a")) << "it was given to another";
  moved.reset();
  EXPECT_TRUE(budget.take(30, "user:a"));
}

TEST(MemoryBudget, OneShareAloneMayBeLargerThanACallersPart) {
  MemoryBudget budget(100);
  std::optional<MemoryBudget::Share> large = budget.take(90, "user:a");
  ASSERT_TRUE(large);
  EXPECT_FALSE(budget.take(1, "user:a"));
  EXPECT_TRUE(budget.take(10, "user:b"));
}

constexpr size_t kMegabyte = size_t{1} << 20;

struct HeldBodies : ::testing::Test {
  Result<std::string> read(size_t bytes, HeldShares& held) {
    const net::BodySourcePtr body = net::body_from_string(std::string(bytes, 'x'));
    return env::run(runtime, [&] { return read_held(*body, 40 * kMegabyte, budget, "", held); });
  }
  static net::Response answer(size_t bytes) {
    net::Response response;
    response.body = std::string(bytes, 'x');
    return response;
  }
  env::Runtime runtime{1};
  MemoryBudget budget{20 * kMegabyte};
};

TEST_F(HeldBodies, LargeRequestsAreReadAsFarAsThereIsRoom) {
  HeldShares first, second, third;
  EXPECT_EQ(read(kMegabyte, first)->size(), kMegabyte);
  EXPECT_TRUE(first.empty()) << "a small one counts for nothing";
  EXPECT_EQ(read(15 * kMegabyte, first)->size(), 15 * kMegabyte);
  const Result<std::string> refused = read(15 * kMegabyte, second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(read(kMegabyte, third));
  second.clear();
  EXPECT_TRUE(read(5 * kMegabyte, third));
  first.clear();
  EXPECT_TRUE(read(15 * kMegabyte, second));
  EXPECT_EQ(read(41 * kMegabyte, third).error().code, ErrorCode::kTooLarge);
}

TEST_F(HeldBodies, OneCallerLeavesRoomForOthers) {
  const auto read_as = [&](const std::string& caller, HeldShares& held) {
    const net::BodySourcePtr body = net::body_from_string(std::string(8 * kMegabyte, 'x'));
    return env::run(runtime, [&] { return read_held(*body, 40 * kMegabyte, budget, caller, held); });
  };
  HeldShares first, second, other;
  EXPECT_TRUE(read_as("user:a", first));
  EXPECT_EQ(read_as("user:a", second).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(read_as("user:b", other));
  MemoryBudget answers{20 * kMegabyte};
  net::Response one = answer(8 * kMegabyte), two = answer(8 * kMegabyte), three = answer(8 * kMegabyte);
  EXPECT_TRUE(hold_answer(one, answers, "user:a"));
  EXPECT_FALSE(hold_answer(two, answers, "user:a"));
  EXPECT_TRUE(hold_answer(three, answers, "user:b"));
}

TEST_F(HeldBodies, LargeAnswersHaveRoomUntilTheyWereSent) {
  net::Response first = answer(15 * kMegabyte), second = answer(15 * kMegabyte), small = answer(kMegabyte);
  ASSERT_TRUE(hold_answer(first, budget, ""));
  EXPECT_EQ(std::get<net::BodySourcePtr>(first.body)->size(), 15 * kMegabyte);
  EXPECT_EQ(hold_answer(second, budget, "").error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(hold_answer(small, budget, ""));
  EXPECT_TRUE(std::holds_alternative<std::string>(small.body));
  first = net::Response();
  EXPECT_TRUE(hold_answer(second, budget, ""));
}

}  // namespace
}  // namespace mullion::api
