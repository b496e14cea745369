// What lists that are being sent remember.
#include <gtest/gtest.h>

#include "api/internal/memory_budget.h"
#include "api/internal/packed_refs.h"

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
  std::optional<MemoryBudget::Share> first = budget.take(60);
  ASSERT_TRUE(first);
  EXPECT_FALSE(budget.take(50));
  std::optional<MemoryBudget::Share> second = budget.take(40);
  EXPECT_TRUE(second);
  EXPECT_FALSE(budget.take(1));
  first.reset();
  EXPECT_TRUE(budget.take(60));
}

TEST(MemoryBudget, OneAloneMayBeLarger) {
  MemoryBudget budget(100);
  const std::optional<MemoryBudget::Share> large = budget.take(1000);
  ASSERT_TRUE(large);
  EXPECT_FALSE(budget.take(1));
}

}  // namespace
}  // namespace mullion::api
