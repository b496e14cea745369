// Random histories of whole members; a failure prints its seed, which plays the same again.
#include <gtest/gtest.h>

#include "cluster/simulation_testing.h"

namespace mullion::cluster {
namespace {

struct Sum {
  uint64_t acknowledged = 0, steps = 0, leaders = 0, copies = 0, changes = 0, returned = 0;
};

Sum play(WorldOptions options, uint64_t first_seed, uint64_t seeds, Time duration) {
  Sum sum;
  for (options.seed = first_seed; options.seed < first_seed + seeds; ++options.seed) {
    History history(options);
    try {
      history.play(duration);
    } catch (const Violation& violation) {
      ADD_FAILURE() << violation.what();
      return sum;
    }
    sum.acknowledged += history.world.acknowledged();
    sum.steps += history.world.steps();
    sum.leaders += history.world.leaders_seen();
    sum.copies += history.world.copies;
    sum.changes += history.world.changes_done;
    sum.returned += history.repairs.returned();
  }
  fmt::print("acknowledged {} steps {} leaders {} copies {} changes {} returned {}\n", sum.acknowledged,
             sum.steps, sum.leaders, sum.copies, sum.changes, sum.returned);
  return sum;
}

TEST(ClusterSimulation, AQuietClusterServesAndKeepsItsLeader) {
  const Sum sum = play({.faults = false}, 1, 3, 5000 * kMs);
  EXPECT_EQ(sum.leaders, 3U);
  EXPECT_GT(sum.acknowledged, 300U);
}

TEST(ClusterSimulation, ThreeMembersUnderFaults) {
  const Sum sum = play({.voters = 3}, 100, 20, 8000 * kMs);
  EXPECT_GT(sum.acknowledged, 1000U);
  EXPECT_GT(sum.leaders, 40U);
}

TEST(ClusterSimulation, FiveMembersUnderFaults) {
  const Sum sum = play({.voters = 5}, 200, 6, 6000 * kMs);
  EXPECT_GT(sum.acknowledged, 300U);
}

TEST(ClusterSimulation, MembersComeAndGoUnderFaults) {
  const Sum sum = play({.voters = 3, .changes = true}, 300, 15, 8000 * kMs);
  EXPECT_GT(sum.changes, 20U);
  EXPECT_GT(sum.copies, 0U);
}

TEST(ClusterSimulation, WhoForgetsComesBackAsAnotherOneUnderFaults) {
  const Sum sum = play({.voters = 3, .amnesia = true}, 600, 10, 8000 * kMs);
  EXPECT_GT(sum.acknowledged, 1000U);
  EXPECT_GT(sum.returned, 8U);
}

TEST(ClusterSimulation, FiveMembersOfWhichSomeForget) {
  const Sum sum = play({.voters = 5, .amnesia = true}, 700, 3, 6000 * kMs);
  EXPECT_GT(sum.returned, 1U);
}

TEST(ClusterSimulation, OneVoterWithLearners) {
  const Sum sum = play({.voters = 1, .learners = 2}, 400, 8, 5000 * kMs);
  EXPECT_GT(sum.acknowledged, 200U);
}

TEST(ClusterSimulation, AnObserverVotesAndNeverServes) {
  (void)play({.voters = 3, .observers = {3}}, 500, 8, 6000 * kMs);
}

TEST(ClusterSimulation, TheSameSeedIsTheSameHistory) {
  const Sum first = play({.voters = 3}, 107, 1, 5000 * kMs);
  const Sum second = play({.voters = 3}, 107, 1, 5000 * kMs);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.acknowledged, second.acknowledged);
}

}  // namespace
}  // namespace mullion::cluster
