#include "env/run_on.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "env/launch.h"
#include "env/pools.h"

namespace mullion::env {
namespace {

TEST(RunOn, WorksThereWhateverItAwaitsAndReturnsHere) {
  Runtime here(1), there(1);
  const std::thread::id home =
      run(here, []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); });
  const std::thread::id other =
      run(there, []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); });
  const auto value = run(here, [&]() -> Task<std::unique_ptr<int>> {
    const auto work = [&]() -> Task<std::unique_ptr<int>> {
      EXPECT_EQ(std::this_thread::get_id(), other);
      co_await run_blocking(Pool::kProcessor, [] {});
      EXPECT_EQ(std::this_thread::get_id(), other) << "also after what it awaited";
      co_return std::make_unique<int>(7);
    };
    std::unique_ptr<int> made = co_await run_on(there, work);
    EXPECT_EQ(std::this_thread::get_id(), home);
    co_return made;
  });
  EXPECT_EQ(*value, 7);
}

TEST(RunOn, ThrowsHereWhatIsThrownThere) {
  Runtime here(1), there(1);
  const auto fail = []() -> Task<int> {
    throw std::runtime_error("no luck");
    co_return 1;
  };
  EXPECT_THROW(run(here, [&]() -> Task<int> { co_return co_await run_on(there, fail); }), std::runtime_error);
}

TEST(RunOn, WhoIsCancelledHereIsCancelledThereAndWaitsForIt) {
  Runtime here(1), there(1);
  std::promise<void> begun;
  std::atomic<bool> slept{true}, over{false};
  {
    TaskGroup tasks(here.executor(), "test");
    tasks.spawn("waits", [&]() -> Task<void> {
      co_await run_on(there, [&]() -> Task<int> {
        begun.set_value();
        slept = co_await sleep_for(std::chrono::hours(1));
        over = true;
        co_return 1;
      });
    });
    begun.get_future().wait();
    tasks.stop();
  }
  EXPECT_FALSE(slept);
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace mullion::env
