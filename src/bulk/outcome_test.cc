#include "bulk/outcome.h"

#include <gtest/gtest.h>

#include <set>

namespace mullion::bulk {
namespace {

TEST(Outcomes, EveryOneHasItsLineAndItsLetter) {
  std::set<char> letters;
  for (size_t i = 0; i < kOutcomes; ++i) {
    const OutcomeEntry& entry = outcome_table()[i];
    EXPECT_EQ(static_cast<size_t>(entry.outcome), i);
    letters.insert(entry.letter);
    EXPECT_EQ(outcome_of_letter(entry.letter), entry.outcome);
    EXPECT_EQ(outcome_of_name(entry.name), entry.outcome);
    EXPECT_EQ(outcome_of_name(entry.member), entry.outcome);
  }
  EXPECT_EQ(letters.size(), kOutcomes);
  EXPECT_FALSE(outcome_of_letter('x'));
  EXPECT_FALSE(outcome_of_name("nearly done"));
}

TEST(Outcomes, WhatMayHaveRunIsNeverDoneAgain) {
  EXPECT_FALSE(entry_of(Outcome::kUnknown).again);
  EXPECT_FALSE(entry_of(Outcome::kConflict).again);
  EXPECT_TRUE(entry_of(Outcome::kUnreachable).again);
  EXPECT_TRUE(entry_of(Outcome::kRefused).again);
}

struct AnswerCase {
  int status;
  bool may_have_run;
  Outcome outcome;
};

TEST(Outcomes, AreReadFromAnswers) {
  for (const AnswerCase& one : {AnswerCase{200, false, Outcome::kDone},
                                {201, false, Outcome::kDone},
                                {204, false, Outcome::kDone},
                                {304, false, Outcome::kUnknown},
                                {400, false, Outcome::kRefused},
                                {401, false, Outcome::kRefused},
                                {403, false, Outcome::kRefused},
                                {404, false, Outcome::kRefused},
                                {409, false, Outcome::kConflict},
                                {412, false, Outcome::kConflict},
                                {422, false, Outcome::kRefused},
                                {423, false, Outcome::kLocked},
                                {429, false, Outcome::kUnreachable},
                                {500, false, Outcome::kUnknown},
                                {502, false, Outcome::kUnknown},
                                {503, false, Outcome::kUnreachable},
                                {503, true, Outcome::kUnknown},
                                {504, false, Outcome::kUnknown},
                                {507, false, Outcome::kRefused}}) {
    EXPECT_EQ(verdict_of({one.status, "why", one.may_have_run}).outcome, one.outcome) << one.status;
  }
  EXPECT_EQ(verdict_of({200, "ignored", false}).message, "");
  EXPECT_EQ(verdict_of({422, "why", false}).message, "why");
  EXPECT_EQ(verdict_of({500, "", false}).message, "answered 500");
}

TEST(Outcomes, MessagesAreCutAtWholeCharacters) {
  EXPECT_EQ(kept_message("short"), "short");
  EXPECT_EQ(kept_message(std::string(300, 'a')), std::string(300, 'a')) << "what fits stays as it is";
  EXPECT_EQ(kept_message(std::string(301, 'a')), std::string(300, 'a') + "...");
  const std::string cut = kept_message(std::string(299, 'a') + "\xc3\xa9" + std::string(100, 'b'));
  EXPECT_EQ(cut, std::string(299, 'a') + "...");
}

TEST(Outcomes, AreCounted) {
  Counts counts;
  counts[Outcome::kPending] = 1;
  counts[Outcome::kRunning] = 2;
  counts[Outcome::kDone] = 4;
  counts[Outcome::kLocked] = 8;
  counts[Outcome::kRefused] = 16;
  counts[Outcome::kUnknown] = 32;
  EXPECT_EQ(counts.total(), 63U);
  EXPECT_EQ(counts.asked(), 54U) << "what was only looked at is not among them";
  EXPECT_EQ(counts.failures(), 48U);
}

}  // namespace
}  // namespace mullion::bulk
