#include "env/pools.h"

#include <gtest/gtest.h>

#include <future>

#include "base/mutex.h"
#include "env/launch.h"
#include "env/waiting_testing.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

WorkerPool::Statistics statistics_of(std::string_view name) {
  for (WorkerPool::Statistics& pool : pool_statistics()) {
    if (pool.name == name) return std::move(pool);
  }
  ADD_FAILURE() << "no pool " << name;
  return {};
}

/// Keeps every thread of a pool busy, for many callers, until it is destroyed.
class Occupied {
 public:
  Occupied(Runtime& runtime, Pool pool, size_t threads) {
    for (size_t i = 0; i < threads; ++i) {
      done_.push_back(launch(runtime, [this, pool, i]() -> Task<void> {
        Caller caller;
        caller.name = fmt::format("holder {}", i);
        const Result<void> ran = co_await run_blocking(pool, std::move(caller), [this] {
          ++held_;
          opened_.wait();
        });
        EXPECT_TRUE(ran.ok());
      }));
    }
    EXPECT_TRUE(eventually([&] { return held_ == threads; }));
  }
  ~Occupied() {
    gate_.set_value();
    for (std::future<void>& done : done_) done.get();
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;

 private:
  std::promise<void> gate_;
  std::shared_future<void> opened_ = gate_.get_future().share();
  std::atomic<size_t> held_{0};
  std::vector<std::future<void>> done_;
};

constexpr size_t kLongThreads = 4;

TEST(Pools, RefuseACallerThatAsksForTooMuchAndServeOthers) {
  Runtime runtime(2);
  const uint64_t before = statistics_of("long").refused;
  std::vector<std::future<Result<void>>> flood;
  std::future<Result<void>> other;
  const auto ask = [&runtime](std::string name) {
    return launch(runtime, [name = std::move(name)]() -> Task<Result<void>> {
      Caller caller;
      caller.name = name;
      co_return co_await run_blocking(Pool::kLong, std::move(caller), [] {});
    });
  };
  {
    const Occupied occupied(runtime, Pool::kLong, kLongThreads);
    for (int i = 0; i < 100; ++i) flood.push_back(ask("user:flood"));
    ASSERT_TRUE(eventually([&] { return statistics_of("long").refused - before == 100U - 32U; }));
    other = ask("user:other");
  }
  EXPECT_TRUE(other.get().ok());
  size_t refused = 0;
  for (auto& one : flood) {
    const Result<void> ran = one.get();
    if (ran) continue;
    ++refused;
    EXPECT_EQ(ran.error().status(), 503);
    EXPECT_EQ(ran.error().code, ErrorCode::kTooManyRequests);  // what makes the API add Retry-After
  }
  EXPECT_EQ(refused, 100u - 32u);
}

TEST(Pools, NeverRefuseWorkOfTheServerItself) {
  Runtime runtime(1);
  std::atomic<int> done{0};
  std::vector<std::future<void>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(launch(
        runtime, [&done]() -> Task<void> { co_await run_blocking(Pool::kLong, [&done] { ++done; }); }));
  }
  for (std::future<void>& one : all) one.get();
  EXPECT_EQ(done, 200);
}

TEST(Pools, NeverRefuseAPartOfAdmittedWorkButLetItTakeTurns) {
  Runtime runtime(1);
  Mutex mutex;  // guards order
  std::string order;
  std::vector<std::future<void>> all;
  const auto part_of = [&](char name) {
    all.push_back(launch(runtime, [&, name]() -> Task<void> {
      Caller caller;
      caller.name = std::string(1, name);
      co_await run_admitted(Pool::kLong, std::move(caller), [&] {
        const Lock lock(mutex);
        order += name;
      });
    }));
  };
  {
    const Occupied occupied(runtime, Pool::kLong, kLongThreads);
    for (int i = 0; i < 100; ++i) part_of('f');
    ASSERT_TRUE(eventually([] { return statistics_of("long").waiting == 100; })) << "32 would have places";
    part_of('o');
    ASSERT_TRUE(eventually([] { return statistics_of("long").waiting == 101; }));
  }
  for (std::future<void>& one : all) one.get();
  EXPECT_EQ(order.size(), 101U);
  EXPECT_LT(order.find('o'), 2 * kLongThreads) << "the other one did not wait for all of the flood";
}

TEST(Pools, LetATaskGoThatIsCancelledWhileItWaits) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::atomic<bool> ran{false};
  {
    const Occupied occupied(runtime, Pool::kLong, kLongThreads);
    group.spawn("waits",
                [&ran]() -> Task<void> { co_await run_blocking(Pool::kLong, [&ran] { ran = true; }); });
    ASSERT_TRUE(eventually([] { return statistics_of("long").waiting == 1; }));
    group.stop();
    EXPECT_EQ(statistics_of("long").waiting, 0u);
  }
  EXPECT_FALSE(ran);
}

TEST(Pools, DropWhatWaitsWhenItsRuntimeStops) {
  Runtime holder(2);
  std::atomic<bool> ran{false};
  {
    const Occupied occupied(holder, Pool::kLong, kLongThreads);
    Runtime runtime(1);
    (void)launch(runtime,
                 [&ran]() -> Task<void> { co_await run_blocking(Pool::kLong, [&ran] { ran = true; }); });
    ASSERT_TRUE(eventually([] { return statistics_of("long").waiting == 1; }));
    runtime.stop();
    EXPECT_EQ(statistics_of("long").waiting, 0u);
  }
  EXPECT_FALSE(ran);
}

TEST(Pools, CallForTheLastResortWhenWorkDoesNotEnd) {
  std::promise<void> gate;
  std::string named;
  set_last_resort(1ms, [&](std::string_view what) {
    named = what;
    gate.set_value();
  });
  {
    Runtime runtime(1);
    std::promise<void> begun;
    (void)launch(runtime, [&]() -> Task<void> {
      co_await run_blocking(Pool::kLong, [&] {
        begun.set_value();
        gate.get_future().wait();
      });
    });
    begun.get_future().wait();
    runtime.stop();
  }
  EXPECT_EQ(named, "long");
  set_last_resort(60s, [](std::string_view what) { ADD_FAILURE() << "work goes on in " << what; });
}

}  // namespace
}  // namespace mullion::env
