#include "env/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "env/launch.h"

namespace mullion::env {
namespace {

using Outcome = Result<Turns::Turn>;

// Made outside of coroutines, in which GCC 12 does not take lists in braces.
const std::vector<std::string> kOne{"a"}, kForwards{"a", "b"}, kBackwards{"b", "a"};

class TurnsTest : public ::testing::Test {
 protected:
  std::future<Outcome> ask(Turns& turns, std::vector<std::string> names) {
    return launch(runtime_, turns.take(std::move(names)));
  }
  /// Until so many stand in the row: what they wait for does not depend on how fast they come.
  static void until_in_row(const Turns& turns, const std::string& name, size_t count) {
    while (turns.in_row(name) != count) std::this_thread::yield();
  }
  Runtime runtime_{4};
};

TEST_F(TurnsTest, WhoIsAloneHasItsTurnAtOnceAndLeavesNothing) {
  Turns turns;
  {
    Outcome turn = ask(turns, {"a", "b", "a"}).get();
    ASSERT_TRUE(turn);
    EXPECT_EQ(turns.in_row("a"), 1u) << "named twice is asked for once";
    EXPECT_EQ(turns.in_row("b"), 1u);
    EXPECT_TRUE(ask(turns, {"c"}).get()) << "other names are not in the way";
  }
  EXPECT_EQ(turns.in_row("a"), 0u);
  EXPECT_EQ(turns.in_row("b"), 0u);
}

TEST_F(TurnsTest, FirstComeFirstServed) {
  Turns turns;
  std::vector<std::future<Outcome>> row;
  row.push_back(ask(turns, {"a"}));
  for (size_t i = 1; i < 20; ++i) {
    until_in_row(turns, "a", i);
    row.push_back(ask(turns, {"a"}));
  }
  until_in_row(turns, "a", 20);
  for (size_t i = 0; i < row.size(); ++i) {
    Outcome turn = row[i].get();
    ASSERT_TRUE(turn) << i;
    for (size_t j = i + 1; j < row.size(); ++j)
      EXPECT_EQ(row[j].wait_for(std::chrono::seconds(0)), std::future_status::timeout) << i << " " << j;
  }
}

TEST_F(TurnsTest, OnlyOneOfManyWorksAtATime) {
  Turns turns;
  int plain = 0;  // would be torn by two at once
  std::atomic<int> inside = 0, most = 0;
  const auto work = [&]() -> Task<bool> {
    for (int i = 0; i < 50; ++i) {
      Result<Turns::Turn> turn = co_await turns.take(kOne);
      if (!turn) co_return false;
      most = std::max<int>(most, ++inside);
      ++plain;
      // Elsewhere, so that others run while this one has the turn.
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      --inside;
    }
    co_return true;
  };
  std::vector<std::future<bool>> all;
  for (int i = 0; i < 64; ++i) all.push_back(launch(runtime_, work));
  for (auto& one : all) EXPECT_TRUE(one.get());
  EXPECT_EQ(plain, 64 * 50);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(turns.in_row("a"), 0u);
}

TEST_F(TurnsTest, SeveralNamesInAnyOrderNeverWaitForEachOther) {
  Turns turns;
  std::vector<std::future<bool>> all;
  for (int i = 0; i < 16; ++i) {
    const auto work = [&turns, i]() -> Task<bool> {
      for (int n = 0; n < 50; ++n) {
        Result<Turns::Turn> turn = co_await turns.take(i % 2 == 0 ? kForwards : kBackwards);
        if (!turn) co_return false;
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      }
      co_return true;
    };
    all.push_back(launch(runtime_, work));
  }
  for (auto& one : all) EXPECT_TRUE(one.get());
}

TEST_F(TurnsTest, ARowHasAnEnd) {
  Turns turns(2);
  Outcome first = ask(turns, {"a"}).get();
  std::future<Outcome> second = ask(turns, {"a"});
  until_in_row(turns, "a", 2);
  std::future<Outcome> third = ask(turns, {"a"});
  until_in_row(turns, "a", 3);
  const Outcome refused = ask(turns, {"a"}).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status_override, 503);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooManyRequests);
  EXPECT_EQ(turns.in_row("a"), 3u) << "who was refused stands nowhere";
  first = Error(ErrorCode::kInternal, "over");
  { Outcome turn = second.get(); }
  EXPECT_TRUE(third.get());
}

TEST_F(TurnsTest, PatienceEndsAndTheNextOneIsNotForgotten) {
  Turns turns(10, std::chrono::milliseconds(20));
  Outcome first = ask(turns, {"a"}).get();
  EXPECT_FALSE(ask(turns, {"a"}).get()) << "the first one never ends";
  EXPECT_EQ(turns.in_row("a"), 1u);
  Turns patient;
  Outcome held = ask(patient, {"a"}).get();
  TaskGroup tasks(runtime_.executor(), "test");
  tasks.spawn("cancelled", [&]() -> Task<void> { (void)co_await patient.take(kOne); });
  until_in_row(patient, "a", 2);
  std::future<Outcome> next = ask(patient, {"a"});
  until_in_row(patient, "a", 3);
  tasks.stop();
  until_in_row(patient, "a", 2);
  held = Error(ErrorCode::kInternal, "over");
  EXPECT_TRUE(next.get()) << "who gave up handed nothing to the next one";
}

}  // namespace
}  // namespace mullion::env
