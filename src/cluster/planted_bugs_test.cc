// Faults planted on purpose, each found by histories, small worlds or directed worlds: docs/cluster.md has
// the table.
#include <gtest/gtest.h>

#include <cstdlib>

#include "cluster/directed_testing.h"
#include "cluster/simulation_testing.h"

namespace mullion::cluster {
namespace {

/// Core faults, as raft_core/src/node.rs numbers them.
enum CoreBug : uint32_t {
  kSendBeforeSync = 1 << 0,
  kAppendBeforeVoteSync = 1 << 1,
  kVoteAtOnceAfterStart = 1 << 2,
  kLeadOnAfterTransfer = 1 << 3,
  kLeadOnAfterRemoval = 1 << 4,
  kCommitNotStored = 1 << 5,
  kLoneCampaignUnsynced = 1 << 6,
  kBelieveHeartbeat = 1 << 7,
  kChangeUnchecked = 1 << 8,
  kTrustStoredCommit = 1 << 9,
  kForwardProposals = 1 << 10,
};

using Hunt = std::function<void(uint32_t core, uint32_t member)>;

struct Planted {
  const char* name;
  uint32_t core, member;
  Hunt hunt;  // throws, or ends the process, when it finds something
};

/// Histories of a shape, until one ends in a violation.
Hunt histories(WorldOptions options, uint64_t seeds) {
  return [options, seeds](uint32_t core, uint32_t member) mutable {
    options.core_bugs = core;
    options.member_bugs = member;
    for (options.seed = 1; options.seed <= seeds; ++options.seed) History(options).play(8000 * kMs);
  };
}

Hunt small_worlds(SmallWorldOptions options) {
  return [options](uint32_t core, uint32_t) mutable {
    options.core_bugs = core;
    (void)explore(options);
  };
}

const std::vector<Planted>& planted() {
  using namespace directed;
  static const std::vector<Planted> all = {
      {"SendBeforeSync", kSendBeforeSync, 0, small_worlds({})},
      {"AppendBeforeVoteSync", kAppendBeforeVoteSync, 0, nothing_is_appended_before_the_vote_is_synced},
      {"VoteAtOnceAfterStart", kVoteAtOnceAfterStart, 0, a_member_that_just_started_does_not_vote},
      {"LeadOnAfterTransfer", kLeadOnAfterTransfer, 0, a_hand_over_that_fails_ends_the_lead},
      {"LeadOnAfterRemoval", kLeadOnAfterRemoval, 0, a_leader_that_is_removed_steps_down},
      {"CommitNotStored", kCommitNotStored, 0, a_change_is_known_as_agreed_after_a_restart},
      {"LoneCampaignUnsynced", kLoneCampaignUnsynced, 0, a_lone_voter_waits_for_its_disk},
      {"BelieveHeartbeat", kBelieveHeartbeat, 0, a_heartbeat_beyond_the_log_is_amnesia},
      {"ChangeUnchecked", kChangeUnchecked, 0, a_change_at_a_time},
      {"ChangeInANewTerm", kChangeUnchecked, 0, no_change_before_the_term_has_an_agreed_entry},
      {"TrustStoredCommit", kTrustStoredCommit, 0, the_stored_commit_is_bounded_by_the_log},
      {"ForwardProposals", kForwardProposals, 0, proposals_from_the_line_are_dropped},
      {"SyncedBeforeSync", 0, kSyncedBeforeSync, histories({}, 40)},
      {"LeaseFromConfirmation", 0, kLeaseFromConfirmation, a_lease_counts_from_the_question},
      {"LeaseOutlivesLead", 0, kLeaseOutlivesLead, histories({}, 40)},
      {"AgreedWithoutTerm", 0, kAgreedWithoutTerm, histories({}, 40)},
      {"LostCountsAsAgreed", 0, kLostCountsAsAgreed, histories({}, 40)},
      {"ApplyUnagreed", 0, kApplyUnagreed, histories({}, 40)},
      {"VoteForgotten", 0, kVoteForgotten, histories({}, 40)},
      {"AmnesiaIgnored", 0, kAmnesiaIgnored, a_rolled_back_member_abstains},
      {"MetForgotten", 0, kMetForgotten, a_rolled_back_member_is_known_after_everybody_restarted},
      {"ReturnsUnderItsNumber", 0, kReturnsUnderItsNumber, who_forgot_does_not_vote_and_comes_back},
      {"ServesBeforeApplied", 0, kServesBeforeApplied, histories({}, 40)},
      {"RefusesTooLate", 0, kRefusesTooLate, histories({}, 40)},
  };
  return all;
}

class PlantedBugs : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(Each, PlantedBugs, ::testing::Range<size_t>(0, 24),
                         [](const auto& info) { return std::string(planted()[info.param].name); });

/// In a process of its own: some are found by an assertion of the crate, which ends it.
TEST_P(PlantedBugs, IsFound) {
  const Planted& bug = planted()[GetParam()];
  const auto hunt = [&bug] {
    try {
      bug.hunt(bug.core, bug.member);
    } catch (const Violation& violation) {
      fmt::print(stderr, "found: {}\n", violation.what());
      std::abort();
    }
    std::_Exit(0);
  };
  EXPECT_DEATH(hunt(), "") << bug.name << " was not found";
}

TEST(PlantedBugs, TheListIsWhole) { EXPECT_EQ(planted().size(), 24U); }

}  // namespace
}  // namespace mullion::cluster
