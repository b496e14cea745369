#include "env/timers.h"

#include <gtest/gtest.h>

#include "env/launch.h"
#include "env/time_testing.h"
#include "env/waiting_testing.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

TEST(SystemTimers, WaitAsTheMachineDoes) {
  Runtime runtime(1);
  Signal signal;
  EXPECT_FALSE(run(runtime, [&] { return system_timers().wait(signal, signal.version(), 1ms); }));
  EXPECT_TRUE(run(runtime, [&] { return system_timers().wait(signal, signal.version() + 1, 1h); }));
  EXPECT_TRUE(run(runtime, [] { return system_timers().sleep_for(1ms); }));
}

TEST(SystemTimers, PatienceEndsWorkThatTakesTooLong) {
  Runtime runtime(1);
  const auto answer = [](Duration after) -> Task<int> {
    co_await sleep_for(after);
    co_return 7;
  };
  EXPECT_EQ(run(runtime, [&] { return within(system_timers(), 1h, answer(0s)); }), 7);
  EXPECT_EQ(run(runtime, [&] { return within(system_timers(), 1ms, answer(1h)); }), std::nullopt);
}

TEST(ManualTime, NobodyWaitsLongerThanTheTestLets) {
  Runtime runtime(2);
  ManualTime time;
  Signal signal;
  const uint64_t seen = signal.version();
  auto timed_out = launch(runtime, [&] { return time.wait(signal, seen, 10s); });
  auto slept = launch(runtime, [&] { return time.sleep_for(20s); });
  ASSERT_TRUE(eventually([&] { return time.waits_for(10s) && time.waits_for(20s); }));
  EXPECT_EQ(time.until_next_end(1h), 10s);
  time.advance(9s);
  EXPECT_EQ(timed_out.wait_for(20ms), std::future_status::timeout);
  time.advance(1s);
  EXPECT_FALSE(timed_out.get());
  EXPECT_EQ(slept.wait_for(20ms), std::future_status::timeout);
  auto notified = launch(runtime, [&] { return time.wait(signal, seen, 30s); });
  ASSERT_TRUE(eventually([&] { return time.waits_for(30s); }));
  signal.notify_all();
  EXPECT_TRUE(notified.get());
  time.advance(10s);
  EXPECT_TRUE(slept.get());
  EXPECT_EQ(time.waits(), 0U);
}

TEST(ManualTime, PassesInStepsToWhatEndsNext) {
  Runtime runtime(2);
  ManualTime time;
  const SteadyTime begun = time.steady();
  const auto naps = [&]() -> Task<SteadyTime> {
    for (int i = 0; i < 10; ++i) co_await time.sleep_for(70ms);
    co_return time.steady();
  };
  auto slept = launch(runtime, naps);
  EXPECT_TRUE(passes_until(time, runtime, [&] { return slept.wait_for(0s) == std::future_status::ready; }));
  EXPECT_GE(slept.get() - begun, 700ms);
  EXPECT_LE(time.steady() - begun, 2s);
  const SteadyTime now = time.steady();
  EXPECT_FALSE(passes_until(
      time, runtime, [] { return false; }, 800ms));
  EXPECT_EQ(time.steady() - now, 800ms);
}

TEST(ManualTime, CancelledWaitsEnd) {
  Runtime runtime(2);
  ManualTime time;
  Signal signal;
  TaskGroup tasks(runtime.executor(), "test");
  tasks.spawn("waits", [&]() -> Task<void> { co_await time.wait(signal, signal.version(), 1h); });
  tasks.spawn("sleeps", [&]() -> Task<void> { co_await time.sleep_for(2h); });
  ASSERT_TRUE(eventually([&] { return time.waits_for(1h) && time.waits_for(2h); }));
  tasks.stop();
  EXPECT_EQ(time.waits(), 0U);
}

}  // namespace
}  // namespace mullion::env
