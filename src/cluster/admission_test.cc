// Tokens of introductions: what is remembered of them.
#include "cluster/internal/admission.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

constexpr env::WallTime kNow{std::chrono::hours(480'000)};

TEST(IntroductionTokens, AreGoodOnceAndForAQuarterOfAnHour) {
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  ASSERT_TRUE(remember_token(*store, "one", kNow));
  ASSERT_TRUE(remember_token(*store, "two", kNow));
  EXPECT_TRUE(check_token(*store->snapshot(), "one", kNow));
  EXPECT_TRUE(use_token(*store, "one", kNow));
  for (const char* token : {"one", "three", ""}) {
    EXPECT_EQ(check_token(*store->snapshot(), token, kNow).error().code, ErrorCode::kForbidden) << token;
    EXPECT_EQ(use_token(*store, token, kNow).error().code, ErrorCode::kForbidden) << token;
  }
  const env::WallTime later = kNow + std::chrono::minutes(15);
  EXPECT_TRUE(check_token(*store->snapshot(), "two", later));
  EXPECT_FALSE(check_token(*store->snapshot(), "two", later + std::chrono::seconds(1)));
  EXPECT_FALSE(use_token(*store, "two", later + std::chrono::seconds(1)));
}

/// However often somebody asks for an introduction.
TEST(IntroductionTokens, TheOldestOfTooManyIsForgotten) {
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(remember_token(*store, fmt::format("token {}", i), kNow + std::chrono::seconds(i)));
  const env::WallTime now = kNow + std::chrono::seconds(100);
  EXPECT_FALSE(check_token(*store->snapshot(), "token 83", now));
  EXPECT_TRUE(check_token(*store->snapshot(), "token 84", now));
  EXPECT_TRUE(check_token(*store->snapshot(), "token 99", now));
  EXPECT_LT(store->snapshot()->secret("cluster", "introductions")->size(), 2000U);
}

}  // namespace
}  // namespace mullion::cluster
