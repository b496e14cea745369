#include "env/unless.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "env/launch.h"

namespace mullion::env {
namespace {

class UnlessTest : public ::testing::Test {
 protected:
  std::optional<int> run(Task<int> work, Task<void> until) {
    return env::run(runtime_, unless(std::move(work), std::move(until)));
  }
  static Task<int> at_once(int value) { co_return value; }
  static Task<int> failing() {
    (void)co_await sleep_for(std::chrono::milliseconds(1));
    throw std::runtime_error("no luck");
  }
  static Task<int> endless(bool& ended) {
    for (bool slept = true; slept;) slept = co_await sleep_for(std::chrono::hours(1));
    ended = true;
    co_return 0;
  }
  static Task<void> never() {
    for (bool slept = true; slept;) slept = co_await sleep_for(std::chrono::hours(1));
  }
  static Task<void> soon() { (void)co_await sleep_for(std::chrono::milliseconds(1)); }
  Runtime runtime_{1};
};

TEST_F(UnlessTest, GivesWhatTheWorkGives) { EXPECT_EQ(run(at_once(7), never()), 7); }

TEST_F(UnlessTest, WorkIsOverWhenItIsGivenUp) {
  bool ended = false;
  EXPECT_EQ(run(endless(ended), soon()), std::nullopt);
  EXPECT_TRUE(ended);
}

TEST_F(UnlessTest, WhatWorkThrowsIsNotWaitedWith) {
  EXPECT_THROW((void)run(failing(), never()), std::runtime_error);
}

}  // namespace
}  // namespace mullion::env
