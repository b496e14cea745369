#include "apply/lease.h"

#include <gtest/gtest.h>

#include <thread>

#include "env/clock_testing.h"
#include "env/launch.h"
#include "env/waiting_testing.h"
#include "store/flaky_testing.h"

namespace mullion::apply {
namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;

TEST(Lease, IsGrantedToOneHolderAtATime) {
  const env::WallTime now = env::ManualClock().wall();
  const auto lease = [&](std::string holder, int left) {
    return Lease{std::move(holder), now + seconds(left)};
  };
  struct Case {
    std::string_view what;
    std::optional<Lease> before;
    std::string holder;
    int64_t seconds;
    std::string error;  // "" : granted
  };
  const std::vector<Case> cases = {
      {"free", std::nullopt, "R1", 60, ""},
      {"renewed", lease("R1", 5), "R1", 60, ""},
      {"shortened by its holder", lease("R1", 50), "R1", 1, ""},
      {"held", lease("R2", 1), "R1", 60, "configured by R2 until 2026-01-01T00:00:01.000000000Z"},
      {"run out", lease("R2", 0), "R1", 60, ""},
      {"the clock was set back since", lease("R2", 100'000), "R1", 60, ""},
      {"nobody", std::nullopt, "", 60, "holder: expected the id of a manager"},
      {"long", std::nullopt, std::string(256, 'x'), 60, "holder: longer than 255 bytes"},
      {"strange", std::nullopt, "a\nb", 60, "holder: blanks and control characters are not allowed"},
      {"no time", std::nullopt, "R1", 0, "seconds: expected 1 to 300"},
      {"too much time", std::nullopt, "R1", 301, "seconds: expected 1 to 300"},
  };
  for (const Case& one : cases) {
    const Result<Lease> granted = grant_lease(one.before, one.holder, one.seconds, now);
    EXPECT_EQ(granted.ok(), one.error.empty()) << one.what;
    if (granted) {
      EXPECT_EQ(*granted, (Lease{one.holder, now + seconds(one.seconds)})) << one.what;
    } else {
      EXPECT_EQ(granted.error().messages.front(), one.error) << one.what;
    }
  }
}

TEST(Lease, ReadsBackWhatItWrote) {
  const Lease lease{"aa:bb:cc:dd:ee:ff", env::ManualClock().wall() + std::chrono::nanoseconds(7)};
  EXPECT_EQ(parse_lease(lease_text(lease)), lease);
  for (const std::string_view wrong : {"", "null", "{}", R"({"holder":1,"until":"2026-01-01T00:00:00Z"})",
                                       R"({"holder":"a","until":"soon"})"}) {
    EXPECT_EQ(parse_lease(wrong), std::nullopt) << wrong;
  }
}

class Keeping : public ::testing::Test {
 protected:
  ~Keeping() override { tasks_.stop(); }
  template <typename T>
  T run(env::Task<T> task) {
    return env::run(runtime_, std::move(task));
  }

  env::Runtime runtime_{2};  // the store answers on it: it goes last
  env::TwoHandedClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store(clock_);
  LeaseKeeper keeper_{*store_, clock_, env::system_timers()};
  env::TaskGroup tasks_{runtime_.executor(), "test"};
};

TEST_F(Keeping, OutlivesTheKeeperAndEndsByTheClock) {
  ASSERT_TRUE(run(keeper_.take("R1", 60)));
  LeaseKeeper restarted(*store_, clock_, env::system_timers());
  EXPECT_EQ(restarted.holder(), "R1");
  const Result<Lease> other = run(restarted.take("R2", 60));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kConflict);
  EXPECT_EQ(other.error().key, "R1");
  clock_.advance(seconds(60));
  EXPECT_EQ(restarted.holder(), "");
  EXPECT_TRUE(run(restarted.take("R2", 60)));
  EXPECT_FALSE(run(keeper_.take("R1", 60))) << "the first learns of it when it renews";
}

TEST_F(Keeping, ClocksThatAreSetNeitherGiveItAwayNorKeepIt) {
  for (const std::chrono::hours step : {1h, -1h, 24h * 365, -24h * 365}) {
    ASSERT_TRUE(run(keeper_.take("R1", 60)));
    clock_.advance(seconds(10));
    clock_.set_wall_by(step);
    EXPECT_EQ(keeper_.holder(), "R1");
    EXPECT_EQ(keeper_.current()->until, clock_.wall() + seconds(50));
    EXPECT_FALSE(run(keeper_.take("R2", 60)));
    EXPECT_FALSE(run(keeper_.release("R2")));
    clock_.advance(seconds(49));
    EXPECT_EQ(keeper_.holder(), "R1");
    clock_.advance(seconds(1));
    EXPECT_EQ(keeper_.holder(), "");
    EXPECT_TRUE(run(keeper_.take("R2", 60)));
    EXPECT_TRUE(run(keeper_.release("R2")));
  }
}

TEST_F(Keeping, IsRenewedAndSharedOutByAClockThatWasSet) {
  ASSERT_TRUE(run(keeper_.take("R1", 60)));
  clock_.set_wall_by(-1h);
  const Result<Lease> renewed = run(keeper_.take("R1", 60));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->until, clock_.wall() + seconds(60));
  clock_.advance(seconds(59));
  EXPECT_EQ(keeper_.holder(), "R1");
  clock_.advance(seconds(1));
  EXPECT_EQ(keeper_.holder(), "");
}

TEST_F(Keeping, WhatAnotherProcessLeftCountsByTheWallClockOnce) {
  ASSERT_TRUE(run(keeper_.take("R1", 60)));
  clock_.advance(seconds(20));
  clock_.restart();
  LeaseKeeper restarted(*store_, clock_, env::system_timers());
  EXPECT_EQ(restarted.holder(), "R1");
  clock_.set_wall_by(1h);
  EXPECT_EQ(restarted.holder(), "R1");
  clock_.advance(seconds(40));
  EXPECT_EQ(restarted.holder(), "");
}

TEST_F(Keeping, IsReleasedByItsHolderOnly) {
  EXPECT_TRUE(run(keeper_.release("R1"))) << "nothing to do";
  ASSERT_TRUE(run(keeper_.take("R1", 60)));
  EXPECT_FALSE(run(keeper_.release("R2")));
  EXPECT_EQ(keeper_.holder(), "R1");
  EXPECT_TRUE(run(keeper_.release("R1")));
  EXPECT_EQ(keeper_.holder(), "");
}

TEST_F(Keeping, OneOfManyWhoAskAtOnceGetsIt) {
  std::vector<std::future<Result<Lease>>> answers;
  for (int i = 0; i < 8; ++i)
    answers.push_back(env::launch(runtime_, keeper_.take(fmt::format("R{}", i), 60)));
  int granted = 0;
  for (auto& answer : answers) granted += answer.get().ok() ? 1 : 0;
  EXPECT_EQ(granted, 1);
}

TEST_F(Keeping, TellsWhenTheHolderChangesAndNotWhenItRenews) {
  std::atomic<int> told{0};
  tasks_.spawn("watch", [&] { return keeper_.watch([&] { ++told; }); });
  const auto tells = [&](int count) {
    for (int i = 0; i < 2000 && told < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return told == count;
  };
  ASSERT_TRUE(run(keeper_.take("R1", 60)));
  EXPECT_TRUE(tells(1));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(keeper_.take("R1", 60)));
  ASSERT_TRUE(run(keeper_.release("R1")));
  EXPECT_TRUE(tells(2));
  ASSERT_TRUE(run(keeper_.take("R2", 1)));
  EXPECT_TRUE(tells(3));
  clock_.advance(seconds(2));
  EXPECT_TRUE(tells(4)) << "it ran out";
}

TEST_F(Keeping, TellsOfTheHolderOnceItCanBeRead) {
  store::FlakyStore flaky(*store_);
  LeaseKeeper keeper(flaky, clock_, env::system_timers());
  ASSERT_TRUE(run(keeper.take("R1", 60)));
  std::atomic<int> told{0};
  flaky.fail(100);
  tasks_.spawn("watch", [&] { return keeper.watch([&] { ++told; }); });
  EXPECT_TRUE(env::eventually([&] { return flaky.failures() > 0; }));
  EXPECT_EQ(told, 0);
  flaky.fail(0);
  EXPECT_TRUE(env::eventually([&] { return told == 1; }));
  tasks_.stop();
}

}  // namespace
}  // namespace mullion::apply
