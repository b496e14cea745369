#include "env/launch.h"

#include <gtest/gtest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <stdexcept>

namespace mullion::env {
namespace {

/// Has neither a default value nor a copy.
struct OnlyMoved {
  explicit OnlyMoved(int taken) : value(std::make_unique<int>(taken)) {}
  std::unique_ptr<int> value;
};

Task<OnlyMoved> make(int value) { co_return OnlyMoved(value); }

TEST(Launch, ReturnsWhatTheCoroutineReturns) {
  Runtime runtime(1);
  EXPECT_EQ(*run(runtime, make(7)).value, 7);
  EXPECT_EQ(*run(runtime, [] { return make(8); }).value, 8);
  int done = 0;
  run(runtime, [&done]() -> Task<void> {
    done = 9;
    co_return;
  });
  EXPECT_EQ(done, 9);
}

TEST(Launch, ThrowsWhatTheCoroutineThrows) {
  Runtime runtime(1);
  const auto fail = []() -> Task<int> {
    throw std::runtime_error("no luck");
    co_return 1;
  };
  EXPECT_THROW(run(runtime, fail), std::runtime_error);
}

TEST(Launch, WhatTheCoroutineHeldIsGoneWhenTheFutureIsReady) {
  Runtime runtime(2);
  const auto held = std::make_shared<int>(1);
  for (int i = 0; i < 200; ++i) {
    run(runtime, [held]() -> Task<void> {
      const auto held_too = held;
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    });
    ASSERT_EQ(held.use_count(), 1);
  }
}

// Without a strand the thread sanitizer finds the thread that begins the second wait beside the one that ends
// the first.
TEST(Launch, ACoroutineMayWaitForTwoThingsOnARuntimeOfManyThreads) {
  using asio::experimental::awaitable_operators::operator&&;
  Runtime runtime(4);
  const auto hop = []() -> Task<void> {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  };
  for (int i = 0; i < 500; ++i) {
    run(runtime, [&hop]() -> Task<void> { co_await (hop() && hop()); });
  }
}

}  // namespace
}  // namespace mullion::env
