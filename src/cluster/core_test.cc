// The rules by which the core is driven, each in the world that leads to it, and small worlds in every order.
#include "cluster/core.h"

#include <gtest/gtest.h>

#include "cluster/directed_testing.h"

namespace mullion::cluster {
namespace {

struct Rule {
  const char* name;
  void (*world)(uint32_t core, uint32_t member);
};

constexpr Rule kRules[] = {
#define RULE(name) \
  { #name, directed::name }
    RULE(nothing_is_appended_before_the_vote_is_synced),
    RULE(a_lone_voter_waits_for_its_disk),
    RULE(a_change_is_known_as_agreed_after_a_restart),
    RULE(a_heartbeat_beyond_the_log_is_amnesia),
    RULE(a_change_at_a_time),
    RULE(no_change_before_the_term_has_an_agreed_entry),
    RULE(the_stored_commit_is_bounded_by_the_log),
    RULE(proposals_from_the_line_are_dropped),
    RULE(a_leader_that_is_removed_steps_down),
    RULE(a_leader_that_loses_its_vote_steps_down),
    RULE(a_lead_that_is_switched_leaves_one_vote),
    RULE(a_lead_is_taken_once_the_vote_is_applied),
    RULE(a_member_that_just_started_does_not_vote),
    RULE(a_hand_over_that_fails_ends_the_lead),
    RULE(unequal_followers_find_a_leader),
    RULE(a_lease_counts_from_the_question),
    RULE(a_rolled_back_member_abstains),
    RULE(a_damaged_member_abstains),
    RULE(a_rolled_back_member_is_known_after_everybody_restarted),
    RULE(who_forgot_does_not_vote_and_comes_back),
#undef RULE
};

class Directed : public ::testing::TestWithParam<Rule> {};

INSTANTIATE_TEST_SUITE_P(Rules, Directed, ::testing::ValuesIn(kRules),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Directed, Holds) {
  try {
    GetParam().world(0, 0);
  } catch (const Violation& violation) {
    ADD_FAILURE() << violation.what();
  }
}

SmallWorldSum explored(const SmallWorldOptions& options) {
  SmallWorldSum sum;
  try {
    sum = explore(options);
  } catch (const Violation& violation) {
    ADD_FAILURE() << violation.what();
  }
  fmt::print("states {} events {} deepest {} agreed {}\n", sum.states, sum.events, sum.deepest, sum.agreed);
  return sum;
}

TEST(SmallWorlds, ThreeMembersInEveryOrder) {
  const SmallWorldSum sum = explored({.max_states = 15000, .walks = 1200, .walk_length = 80});
  EXPECT_GT(sum.states, 15000U);
  EXPECT_GE(sum.agreed, 2U) << "nothing interesting was reached";
}

TEST(SmallWorlds, TwoBecomeThreeBecomeTwo) {
  const SmallWorldSum sum =
      explored({.voters = {1, 2}, .outside = {3}, .max_states = 8000, .walks = 1200, .walk_length = 120});
  EXPECT_GE(sum.agreed, 4U) << "no member came and went";
}

TEST(Core, IsDeterministic) {
  const auto run = [] {
    SmallWorldPath world({});
    for (size_t i = 0; i < 80; ++i) world.go(i * 7);
    return world.digest();
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace mullion::cluster
