#include "api/internal/lead_terms.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mullion::api {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class LeadTermsTest : public ::testing::Test {
 protected:
  bool hears(const std::string& manager, uint64_t epoch, uint64_t term) {
    return terms_.hear("user:m", manager, {epoch, term}, now_).ok();
  }
  LeadTerms terms_;
  env::SteadyTime now_{hours(1)};
};

TEST_F(LeadTermsTest, WhoWasSucceededIsRefused) {
  EXPECT_TRUE(hears("M1", 7, 4));
  EXPECT_TRUE(hears("M1", 7, 4));
  EXPECT_TRUE(hears("M1", 7, 6)) << "the successor";
  const Result<void> refused = terms_.hear("user:m", "M1", {7, 4}, now_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().messages.front(),
            "another member of M1 serves it now: this request is of term 4, the newest is 6");
  EXPECT_TRUE(hears("M2", 7, 1)) << "terms of another manager are its own";
  EXPECT_TRUE(hears("M1", 7, 6));
}

TEST_F(LeadTermsTest, WhoHasAnotherAccountShutsNobodyOut) {
  EXPECT_TRUE(hears("M1", 7, 4));
  EXPECT_TRUE(terms_.hear("user:other", "M1", {7, 1'000'000}, now_));
  EXPECT_TRUE(hears("M1", 7, 4));
}

TEST_F(LeadTermsTest, ADatabaseThatBeginsAnewCountsAnew) {
  EXPECT_TRUE(hears("M1", 7, 9));
  EXPECT_TRUE(hears("M1", 8, 2)) << "recovered, or restored";
  EXPECT_FALSE(hears("M1", 8, 1));
}

TEST_F(LeadTermsTest, WhoIsNotHeardAnyMoreIsForgotten) {
  EXPECT_TRUE(hears("M1", 7, 9));
  now_ += minutes(59);
  EXPECT_FALSE(hears("M1", 7, 8));
  now_ += minutes(1);
  EXPECT_TRUE(hears("M1", 7, 8)) << "a refusal does not count as heard";
}

TEST_F(LeadTermsTest, RemembersThoseHeardLast) {
  for (int i = 0; i < 256; ++i) {
    now_ += minutes(1) / 60;
    EXPECT_TRUE(hears(fmt::format("M{}", i), 1, 5));
  }
  EXPECT_TRUE(hears("one-more", 1, 5));
  EXPECT_FALSE(hears("M255", 1, 4));
  EXPECT_TRUE(hears("M0", 1, 4)) << "the one that was heard first went";
}

}  // namespace
}  // namespace mullion::api
