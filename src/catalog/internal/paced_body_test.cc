#include "catalog/internal/paced_body.h"

#include <gtest/gtest.h>

#include "net/net_testing.h"

namespace mullion::catalog {
namespace {

/// Each piece takes its time on the clock of the test.
class Ticking final : public net::BodySource {
 public:
  Ticking(env::ManualClock& clock, size_t bytes, env::Duration each)
      : clock_(clock), piece_(bytes, 'x'), each_(each) {}
  env::Task<Result<std::string_view>> next() override {
    clock_.advance(each_);
    co_return std::string_view(piece_);
  }
  std::optional<uint64_t> size() const override { return 1'000'000; }

 private:
  env::ManualClock& clock_;
  const std::string piece_;
  const env::Duration each_;
};

class PacedBodyTest : public ::testing::Test {
 protected:
  /// Pieces that came until it was given up; -1: it was not.
  int pieces(size_t bytes, env::Duration each) {
    Ticking slow(clock_, bytes, each);
    PacedBody body(slow, {.least = 1000, .window = std::chrono::seconds(10)}, clock_);
    EXPECT_EQ(body.size(), 1'000'000U);
    for (int i = 0; i < 100; ++i) {
      const auto piece = env::run(runtime_, [&] { return body.next(); });
      if (piece) continue;
      EXPECT_EQ(piece.error().code, ErrorCode::kTimeout);
      return i;
    }
    return -1;
  }
  env::Runtime runtime_{1};
  env::ManualClock clock_;
};

TEST_F(PacedBodyTest, SlownessIsJudgedOverAWindow) {
  EXPECT_EQ(pieces(1, std::chrono::milliseconds(500)), 19);
  EXPECT_EQ(pieces(499, std::chrono::milliseconds(500)), 19);
  EXPECT_EQ(pieces(500, std::chrono::milliseconds(500)), -1);
  EXPECT_EQ(pieces(60'000, std::chrono::seconds(59)), -1) << "seldom, but enough";
  EXPECT_EQ(pieces(1, std::chrono::seconds(59)), 0);
}

}  // namespace
}  // namespace mullion::catalog
