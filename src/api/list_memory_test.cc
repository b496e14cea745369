// What is remembered of lists that are being sent.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace mullion::api
