#include "bulk/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::bulk {
namespace {

using ::testing::ElementsAre;
using Refs = std::vector<store::ObjectRef>;

TEST(Ledger, KeysComeBackAsTheyWere) {
  const Refs objects{{"a", ""}, {"b\"/\n", ""}, {"a", "R1"}, {"b", "R2"}};
  const Result<Refs> back = decode_keys(encode_keys(objects));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, objects);
}

TEST(Ledger, OutcomesComeBackAsTheyWere) {
  OutcomePiece piece;
  for (const OutcomeEntry& entry : outcome_table()) piece.outcomes.push_back(entry.outcome);
  piece.messages = {{6, "no \"such\" workflow"}, {9, "gone"}};
  const Result<OutcomePiece> back = decode_outcomes(encode_outcomes(piece));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->outcomes, piece.outcomes);
  EXPECT_EQ(back->messages, piece.messages);
}

TEST(Ledger, WhatIsNoneIsSaid) {
  for (const char* text : {"", "{}", "[1]", "[[]]", "[[1,\"a\"]]", "[[\"\",1]]", "[["})
    EXPECT_EQ(decode_keys(text).ok(), false) << text;
  for (const char* text : {"", "{}", "[]", R"({"Outcomes":"px"})", R"({"Outcomes":""})"})
    EXPECT_EQ(decode_outcomes(text).ok(), false) << text;
  EXPECT_TRUE(decode_runs("nonsense").empty());
}

TEST(Ledger, ASelectionIsSortedByOwnerAndHasNothingTwice) {
  const std::string layered(store::kLayered);
  EXPECT_THAT(frozen({{"b", "R"}, {"c", ""}, {"a", layered}, {"a", "R"}, {"b", "R"}}, {}),
              ElementsAre(store::ObjectRef{"a", ""}, store::ObjectRef{"c", ""}, store::ObjectRef{"a", "R"},
                          store::ObjectRef{"b", "R"}));
}

TEST(Ledger, ExceptionsAreOfEveryOwnerOrOfOne) {
  const Refs found{{"a", ""}, {"a", "R"}, {"b", ""}, {"b", "R"}, {"c/d", "R"}};
  EXPECT_THAT(frozen(found, {"a", "/R/c/d"}),
              ElementsAre(store::ObjectRef{"b", ""}, store::ObjectRef{"b", "R"}));
  EXPECT_THAT(frozen(found, {"/R/a", "/R/b", "/R/c/d", "b"}), ElementsAre(store::ObjectRef{"a", ""}));
}

TEST(Ledger, RangesOfNeighbouringPiecesAreJoined) {
  std::vector<OwnerRange> ranges;
  add_ranges({{"a", ""}, {"a", "R"}}, 0, ranges);
  add_ranges({{"b", "R"}, {"a", "S"}}, 2, ranges);
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[1].owner, "R");
  EXPECT_EQ(ranges[1].begin, 1U);
  EXPECT_EQ(ranges[1].end, 3U);
}

TEST(Ledger, PiecesCoverEverything) {
  EXPECT_EQ(pieces_of(0), 0U);
  EXPECT_EQ(pieces_of(1), 1U);
  EXPECT_EQ(pieces_of(kPieceSize), 1U);
  EXPECT_EQ(pieces_of(kPieceSize + 1), 2U);
  EXPECT_EQ(piece_of(kPieceSize - 1), 0U);
  EXPECT_EQ(piece_of(kPieceSize), 1U);
}

}  // namespace
}  // namespace mullion::bulk
