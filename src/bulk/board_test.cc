#include "bulk/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace mullion::bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Every object needs a request.
std::optional<Verdict> send(uint64_t) { return std::nullopt; }

Board board_of(std::vector<size_t> sizes) {
  std::vector<OwnerRange> ranges;
  uint64_t end = 0;
  for (const size_t size : sizes) {
    ranges.push_back({"owner" + std::to_string(ranges.size()), end, end + size});
    end += size;
  }
  return Board(std::move(ranges), std::vector<Outcome>(end, Outcome::kPending));
}

std::vector<uint64_t> numbers(const std::vector<Board::Change>& changes) {
  std::vector<uint64_t> out;
  for (const Board::Change& change : changes) out.push_back(change.number);
  return out;
}

TEST(Board, KeepsEachOwnersConcurrency) {
  Board board = board_of({3, 1, 4});
  EXPECT_THAT(numbers(board.round({.per_owner = 2}, send)), ElementsAre(0, 1, 3, 4, 5));
  EXPECT_THAT(numbers(board.round({.per_owner = 2}, send)), IsEmpty()) << "every place is taken";
  board.settle(0, Outcome::kDone);
  board.settle(5, Outcome::kRefused);
  EXPECT_THAT(numbers(board.round({.per_owner = 2}, send)), ::testing::UnorderedElementsAre(2, 6));
  EXPECT_EQ(board.counts()[Outcome::kRunning], 5U);
  EXPECT_EQ(board.counts()[Outcome::kPending], 1U);
  EXPECT_EQ(board.owner(3), "owner1");
}

TEST(Board, KeepsTheLimitOfAllOwnersAndOfTheRound) {
  Board board = board_of({5, 5});
  EXPECT_EQ(board.round({.per_owner = 5, .together = 7, .requests = 4}, send).size(), 4U);
  EXPECT_EQ(board.round({.per_owner = 5, .together = 7}, send).size(), 3U);
}

TEST(Board, WhatNeedsNoRequestTakesNoPlace) {
  Board board = board_of({10});
  const auto skip_odd = [](uint64_t number) -> std::optional<Verdict> {
    return number % 2 == 1 ? std::optional(Verdict{Outcome::kAlreadySo, ""}) : std::nullopt;
  };
  EXPECT_THAT(numbers(board.round({.per_owner = 3}, skip_odd)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(board.counts()[Outcome::kAlreadySo], 2U);
  EXPECT_EQ(board.counts()[Outcome::kRunning], 3U);
}

TEST(Board, LooksAreSharedBetweenOwners) {
  Board board = board_of({1000, 1000});
  const auto skip = [](uint64_t) -> std::optional<Verdict> { return Verdict{Outcome::kLocked, ""}; };
  const std::vector<Board::Change> changes = board.round({.looks = 10}, skip);
  EXPECT_EQ(changes.size(), 10U);
  EXPECT_EQ(changes.back().number, 1004U);
}

TEST(Board, GivesBackWhatDidNotBegin) {
  Board board = board_of({3});
  board.round({.per_owner = 2}, send);
  board.give_back(0);
  EXPECT_THAT(numbers(board.round({.per_owner = 2}, send)), ElementsAre(0));
}

TEST(Board, PutsBackOnlyWhatWasNotDone) {
  Board board = board_of({6});
  board.round({.per_owner = 6}, send);
  const std::vector<Outcome> outcomes{Outcome::kDone,    Outcome::kRefused,  Outcome::kUnreachable,
                                      Outcome::kUnknown, Outcome::kConflict, Outcome::kAlreadySo};
  for (size_t i = 0; i < outcomes.size(); ++i) board.settle(i, outcomes[i]);
  EXPECT_THAT(board.put_back(), ElementsAre(1, 2));
  EXPECT_THAT(numbers(board.round({.per_owner = 6}, send)), ElementsAre(1, 2));
  EXPECT_EQ(board.outcome(3), Outcome::kUnknown);
}

TEST(Board, AResultThatComesAfterAllCounts) {
  Board board({{"", 0, 1}}, {Outcome::kUnknown});
  board.settle(0, Outcome::kDone);
  EXPECT_EQ(board.counts()[Outcome::kDone], 1U);
  EXPECT_EQ(board.counts().total(), 1U);
}

/// Whatever answers come in whatever order: every object is begun once, and limits hold at every moment.
TEST(Board, BeginsEveryObjectOnce) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    Board board = board_of({random() % 40 + 1, random() % 40 + 1, random() % 40 + 1});
    std::vector<int> begun(board.size());
    std::vector<uint64_t> under_way;
    while (board.counts()[Outcome::kPending] > 0 || !under_way.empty()) {
      const RoundLimits limits{.per_owner = random() % 4 + 1, .together = random() % 8 + 1};
      for (const Board::Change& change : board.round(limits, send)) {
        ++begun[change.number];
        under_way.push_back(change.number);
      }
      ASSERT_LE(under_way.size(), 8U) << seed;
      if (under_way.empty()) continue;
      std::swap(under_way[random() % under_way.size()], under_way.back());
      board.settle(under_way.back(), random() % 2 == 0 ? Outcome::kDone : Outcome::kRefused);
      under_way.pop_back();
    }
    EXPECT_THAT(begun, ::testing::Each(1)) << seed;
    EXPECT_EQ(board.counts().total(), board.size());
  }
}

}  // namespace
}  // namespace mullion::bulk
