#include "env/memory_budget.h"

#include <gtest/gtest.h>

namespace mullion::env {
namespace {

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

TEST(MemoryBudget, TellsWhatIsTakenAndRefused) {
  MemoryBudget budget(100, "rows");
  const std::optional<MemoryBudget::Share> share = budget.take(60, "user:a");
  EXPECT_FALSE(budget.take(60, "user:b"));
  const MemoryBudget::Statistics statistics = budget.statistics();
  EXPECT_EQ(statistics.name, "rows");
  EXPECT_EQ(statistics.taken, 60U);
  EXPECT_EQ(statistics.refused, 1U);
  EXPECT_EQ(memory_statistics()[static_cast<size_t>(Memory::kUploads)].name, "uploads");
}

}  // namespace
}  // namespace mullion::env
