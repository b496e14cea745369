#include "env/runtime.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "env/launch.h"
#include "env/waiting_testing.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

template <typename T>
T wait_for(std::future<T> future) {
  if (future.wait_for(kTestPatience) != std::future_status::ready) {
    ADD_FAILURE() << "the coroutine did not end";
    std::abort();
  }
  return future.get();
}

TEST(TaskGroup, RunsTasksToTheirEnd) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) {
    group.spawn("count", [&done]() -> Task<void> {
      co_await sleep_for(1ms);
      ++done;
    });
  }
  EXPECT_TRUE(eventually([&] { return group.running() == 0; }));
  EXPECT_EQ(done, 100);
  EXPECT_EQ(group.running(), 0u);
  group.stop();
}

TEST(TaskGroup, StopCancelsWhatSleepsAndWaitsForIt) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::atomic<int> ended{0};
  struct Counter {
    std::atomic<int>& count;
    ~Counter() { ++count; }
  };
  for (int i = 0; i < 50; ++i) {
    group.spawn("sleep", [&ended]() -> Task<void> {
      Counter counter{ended};
      while (true) co_await sleep_for(1h);
    });
  }
  group.stop();
  EXPECT_EQ(ended, 50);
  EXPECT_EQ(group.running(), 0u);
}

TEST(TaskGroup, StartsNothingAfterStop) {
  Runtime runtime(1);
  TaskGroup group(runtime.executor(), "test");
  group.stop();
  std::atomic<bool> ran{false};
  group.spawn("late", [&ran]() -> Task<void> {
    ran = true;
    co_return;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(ran);
  group.stop();  // again is fine
}

TEST(TaskGroup, SurvivesExceptionsBeforeAndAfterTheFirstSuspension) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  group.spawn("throws in the task", []() -> Task<void> {
    co_await sleep_for(1ms);
    throw std::runtime_error("expected by the test");
  });
  group.spawn("throws before there is a task",
              []() -> Task<void> { throw std::runtime_error("expected by the test"); });
  group.spawn("throws something else", []() -> Task<void> {
    co_await sleep_for(1ms);
    throw 7;
  });
  EXPECT_TRUE(eventually([&] { return group.running() == 0; }));
  EXPECT_EQ(group.running(), 0u);
  group.stop();
}

TEST(TaskGroup, KeepsCapturesAliveForTheCoroutine) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::promise<std::string> result;
  {
    std::string text(100, 'c');
    group.spawn("capture", [text, &result]() -> Task<void> {
      co_await sleep_for(20ms);
      result.set_value(text);
    });
  }
  EXPECT_EQ(wait_for(result.get_future()), std::string(100, 'c'));
  group.stop();
}

TEST(TaskGroup, RunsATaskOnOneStrand) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; ++i) {
    group.spawn("switch", [&ended]() -> Task<void> {
      int local = 0;
      for (; local < 200; ++local) co_await sleep_for(0ms);
      ended += local;
    });
  }
  EXPECT_TRUE(eventually([&] { return group.running() == 0; }));
  EXPECT_EQ(ended, 800);
  group.stop();
}

TEST(TaskGroup, StopsFromACoroutineEvenOnOneThread) {
  Runtime runtime(1);
  TaskGroup group(runtime.executor(), "test");
  for (int i = 0; i < 10; ++i) {
    group.spawn("sleep", []() -> Task<void> {
      while (true) co_await sleep_for(1h);
    });
  }
  wait_for(launch(runtime, [&group]() -> Task<void> { co_await group.async_stop(); }));
  EXPECT_EQ(group.running(), 0u);
}

TEST(TaskGroup, StopDoesNotHangWhenTheRuntimeIsGone) {
  Runtime runtime(1);
  TaskGroup group(runtime.executor(), "test");
  group.spawn("sleep", []() -> Task<void> { co_await sleep_for(1h); });
  runtime.stop();
  group.stop();
}

TEST(SleepFor, SaysWhetherItWasCancelled) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::promise<bool> slept;
  std::promise<bool> cancelled;
  group.spawn("short", [&slept]() -> Task<void> { slept.set_value(co_await sleep_for(1ms)); });
  EXPECT_TRUE(wait_for(slept.get_future()));
  std::atomic<bool> began{false};
  group.spawn("long", [&]() -> Task<void> {
    began = true;
    cancelled.set_value(co_await sleep_for(1h));
  });
  ASSERT_TRUE(eventually([&] { return began.load(); }));
  group.stop();
  EXPECT_FALSE(wait_for(cancelled.get_future()));
}

TEST(Signal, WakesEveryWaiter) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  Signal signal;
  std::atomic<int> woken{0};
  const uint64_t seen = signal.version();
  for (int i = 0; i < 20; ++i) {
    group.spawn("wait", [&signal, &woken, seen]() -> Task<void> {
      const bool woken_up = co_await signal.wait(seen, 10s);
      if (woken_up) ++woken;
    });
  }
  std::this_thread::sleep_for(20ms);
  signal.notify_all();
  EXPECT_TRUE(eventually([&] { return group.running() == 0; }));
  EXPECT_EQ(woken, 20);
  group.stop();
}

TEST(Signal, TimesOutAndReturnsAtOnceWhenTheVersionMovedOn) {
  Runtime runtime(1);
  Signal signal;
  const auto wait = [&](uint64_t seen, Duration timeout) {
    return wait_for(launch(runtime, signal.wait(seen, timeout)));
  };
  EXPECT_FALSE(wait(signal.version(), 5ms));
  EXPECT_FALSE(wait(signal.version(), 0ms));
  const uint64_t old = signal.version();
  signal.notify_all();
  EXPECT_TRUE(wait(old, Duration::max()));
}

TEST(Signal, LosesNoWakeUpAmongThreads) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  Signal signal;
  std::atomic<int> produced{0};
  std::promise<int> consumed;
  (void)launch(runtime, [&]() -> Task<void> {
    int last = 0;
    while (last < 2000) {
      const uint64_t seen = signal.version();
      last = produced.load();
      if (last >= 2000) break;
      const bool woken_up = co_await signal.wait(seen, 10s);
      if (!woken_up) break;
    }
    consumed.set_value(last);
  });
  std::vector<std::thread> producers;
  for (int i = 0; i < 2; ++i) {
    producers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        ++produced;
        signal.notify_all();
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(wait_for(consumed.get_future()), 2000);
  group.stop();
}

TEST(Signal, OutlivesARuntimeWhoseTasksStillWaitForIt) {
  Signal signal;
  {
    Runtime runtime(1);
    (void)launch(runtime, [&]() -> Task<void> {
      const uint64_t seen = signal.version();
      co_await signal.wait(seen, 1h);
    });
    std::this_thread::sleep_for(20ms);
  }
  signal.notify_all();
}

TEST(RunBlocking, ReturnsToTheCallerAndPassesExceptionsOn) {
  Runtime runtime(1);
  const std::thread::id outside = std::this_thread::get_id();
  wait_for(launch(runtime, [outside]() -> Task<void> {
    const std::thread::id before = std::this_thread::get_id();
    std::thread::id inside;
    co_await run_blocking([&inside] { inside = std::this_thread::get_id(); });
    EXPECT_NE(inside, before);
    EXPECT_NE(inside, outside);
    EXPECT_EQ(before, std::this_thread::get_id());
    bool thrown = false;
    try {
      co_await run_blocking([] { throw std::runtime_error("expected"); });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  }));
}

TEST(RunBlocking, IsWaitedForWhenItsTaskIsCancelled) {
  Runtime runtime(2);
  TaskGroup group(runtime.executor(), "test");
  std::atomic<bool> began{false};
  std::atomic<bool> intact{false};
  group.spawn("work", [&]() -> Task<void> {
    std::string local = "alive";
    co_await run_blocking([&] {
      began = true;
      std::this_thread::sleep_for(200ms);
      intact = local == "alive";
    });
  });
  while (!began) std::this_thread::sleep_for(1ms);
  group.stop();
  EXPECT_TRUE(intact);
}

TEST(RunBlocking, OutlastsARuntimeThatStopsMeanwhile) {
  std::atomic<bool> began{false};
  std::atomic<bool> finished{false};
  {
    Runtime runtime(1);
    (void)launch(runtime, [&]() -> Task<void> {
      std::string local = "alive";
      co_await run_blocking([&] {
        began = true;
        std::this_thread::sleep_for(100ms);
        finished = local == "alive";
      });
    });
    while (!began) std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(finished);
}

TEST(ByHand, DoesWhatIsReadyWhenItIsTold) {
  std::vector<std::function<void()>> blocking;
  Runtime runtime(ByHand{[&](std::function<void()> work) { blocking.push_back(std::move(work)); }});
  std::string done;
  (void)launch(runtime, [&]() -> Task<void> {
    done += "begun";
    co_await run_blocking([&] { done += ", blocked"; });
    done += ", ended";
  });
  EXPECT_EQ(done, "");
  EXPECT_GT(runtime.run_ready(), 0U);
  EXPECT_EQ(runtime.run_ready(), 0U);
  EXPECT_EQ(done, "begun");
  ASSERT_EQ(blocking.size(), 1U);
  blocking.front()();
  EXPECT_EQ(done, "begun, blocked");
  (void)runtime.run_ready();
  EXPECT_EQ(done, "begun, blocked, ended");
}

TEST(ByHand, DropsCoroutinesWhereTheyWait) {
  Signal never;
  const auto held = std::make_shared<int>(0);
  bool ended = false;
  Runtime runtime(ByHand{});
  (void)launch(runtime, [&never, &ended, held]() -> Task<void> {
    const auto kept = held;
    (void)co_await never.wait(0, 1h);
    ended = true;
  });
  (void)runtime.run_ready();
  EXPECT_GT(held.use_count(), 1);
  runtime.drop_work();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace mullion::env
