#include "mirror/internal/vanishing.h"

#include <gtest/gtest.h>

#include "mirror/internal/reported_state.h"

namespace mullion::mirror {
namespace {

struct BeliefCase {
  const char* name;
  Vanishing seen;
  Belief wanted;
};

class Believing : public ::testing::TestWithParam<BeliefCase> {};

TEST_P(Believing, FollowsTheTable) { EXPECT_EQ(believe(GetParam().seen), GetParam().wanted); }

constexpr std::optional<uint64_t> kNoCount;

INSTANTIATE_TEST_SUITE_P(
    Table, Believing,
    ::testing::Values(BeliefCase{"Nothing", {100, 0, kNoCount, false}, Belief::kAsk},
                      BeliefCase{"NothingWhateverIsCounted", {100, 0, 500, false}, Belief::kAsk},
                      BeliefCase{"Few", {100, 9, kNoCount, false}, Belief::kAsk},
                      BeliefCase{"AllOfFew", {9, 9, kNoCount, false}, Belief::kAsk},
                      BeliefCase{"LessThanHalf", {100, 49, kNoCount, false}, Belief::kAsk},
                      BeliefCase{"Half", {100, 50, kNoCount, false}, Belief::kWait},
                      BeliefCase{"AllOfTen", {10, 10, kNoCount, false}, Belief::kWait},
                      BeliefCase{"TwoWalksSayIt", {100, 100, kNoCount, true}, Belief::kAsk},
                      BeliefCase{"CountedAllTheSame", {100, 100, 100, false}, Belief::kFiltered},
                      BeliefCase{"CountedAfterTwoWalks", {100, 100, 100, true}, Belief::kFiltered},
                      BeliefCase{"OneOfMany", {100, 1, 100, false}, Belief::kFiltered},
                      BeliefCase{"OneOfManyIsGone", {100, 1, 99, false}, Belief::kAsk},
                      BeliefCase{"MoreCameMeanwhile", {100, 60, 130, false}, Belief::kFiltered},
                      BeliefCase{"HalfOfThemAreGone", {100, 60, 70, true}, Belief::kAsk},
                      BeliefCase{"TooFewOfThemAreGone", {100, 60, 71, true}, Belief::kFiltered},
                      BeliefCase{"ACountThatAgreesIsNoProof", {100, 100, 0, false}, Belief::kWait},
                      BeliefCase{"ACountThatAgreesTwice", {100, 100, 0, true}, Belief::kAsk},
                      BeliefCase{"OneThatMayNotBeRead", {100, 2, kNoCount, false, 1}, Belief::kForbidden},
                      BeliefCase{"ManyThatMayNotBeRead", {100, 90, 10, true, 90}, Belief::kForbidden}),
    [](const auto& one) { return one.param.name; });

TEST(Missing, IsBounded) {
  Missing missing;
  missing.add(std::vector<std::string>(Missing::kMost - 1, "k"));
  EXPECT_FALSE(missing.more);
  missing.add({"a"});
  EXPECT_FALSE(missing.more);
  missing.add({"b", "c"});
  EXPECT_TRUE(missing.more);
  EXPECT_EQ(missing.keys.size(), Missing::kMost);
  EXPECT_EQ(missing.keys.back(), "a");
}

TEST(SeenWholly, MachinesAreWhenAsManyAreHereAsAreCounted) {
  const std::set<std::string> machines{"machines"}, none;
  EXPECT_EQ(seen_wholly({{"machines", 5}}, {{"machines", 5}}), machines);
  EXPECT_EQ(seen_wholly({{"machines", 5}}, {{"machines", 6}}), machines) << "one came since it was counted";
  EXPECT_EQ(seen_wholly({{"machines", 6}}, {{"machines", 5}}), none);
  EXPECT_EQ(seen_wholly({{"machines", 0}}, {{"machines", 0}}), none);
  EXPECT_EQ(seen_wholly({}, {{"machines", 5}}), none);
  EXPECT_EQ(seen_wholly({{"machines", 5}}, {}), none);
  EXPECT_EQ(seen_wholly({{"contexts", 2}}, {{"contexts", 2}}), none) << "a pack may bring more of them";
}

TEST(Counts, AreReadFromInfo) {
  EXPECT_EQ(read_counts(R"({"stats":[{"name":"machines.count","count":7},{"name":"load","count":1},
                            {"name":"subnets.count"},{"name":"pools.count","count":"x"},
                            {"name":"contexts.count","count":-1},4]})"),
            (Counts{{"machines", 7}}));
  for (const char* text : {"", "[]", "{}", R"({"stats":{}})"}) EXPECT_EQ(read_counts(text), Counts()) << text;
}

}  // namespace
}  // namespace mullion::mirror
