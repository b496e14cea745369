// Rollouts on simulated time, by seeds: docs/simulation.md, which also lists the faults of the product that
// were planted to see these tests fail.
#include <gtest/gtest.h>

#include "simulation/rollout_scenario_testing.h"
#include "simulation/running_testing.h"

namespace mullion::simulation {
namespace {

struct RolledRun {
  Outcome outcome;
  size_t begun = 0;
  std::map<std::string, size_t> ends;
};

RolledRun roll(uint64_t seed, bool faults = true, bool told = false) {
  RolloutScenario scenario(seed, faults, told);
  RolledRun out;
  out.outcome = scenario.run();
  out.begun = scenario.begun();
  out.ends = scenario.ends();
  return out;
}

/// A run takes several times as long as one of objects alone.
constexpr uint64_t kRolledSeeds = kSeedsOfPart / 5;

constexpr const char* kRolledAgain = "*.ReplayOfRollouts";

TEST(SimulatedRollouts, WithoutFaults) {
  const Quiet quiet;
  for (uint64_t seed = 1; seed <= rollout_shapes().size(); ++seed) {
    const RolledRun run = roll(seed, false);
    EXPECT_EQ(run.outcome.breach, "") << run.outcome.shape << ", " << how_to_replay(seed, kRolledAgain);
    EXPECT_GT(run.begun, 0U) << run.outcome.shape;
    EXPECT_EQ(run.outcome.faults, 0U);
  }
}

TEST(SimulatedRollouts, TheSameSeedGivesTheSameRun) {
  const Quiet quiet;
  EXPECT_EQ(roll(1).outcome.hash, roll(1).outcome.hash);
}

TEST(SimulatedRollouts, ReplayOfRollouts) {
  const uint64_t seed = number_from("MULLION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "MULLION_SEED names no seed";
  EXPECT_EQ(roll(seed, true, true).outcome.breach, "");
}

class SimulatedFleets : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulatedFleets, AreRolledOutToInWaves) {
  const Quiet quiet;
  const Seeds seeds = seeds_of_part(GetParam(), kRolledSeeds);
  size_t begun = 0, faults = 0;
  std::map<std::string, size_t> ends;
  run_seeds(seeds, kRolledAgain, [&](uint64_t seed) {
    const RolledRun run = roll(seed);
    begun += run.begun;
    faults += run.outcome.faults;
    for (const auto& [state, number] : run.ends) ends[state] += number;
    return run.outcome;
  });
  fmt::print("{} seeds: {} rollouts, {} faults", seeds.count, begun, faults);
  for (const auto& [state, number] : ends) fmt::print(", {} {}", number, state);
  fmt::print("\n");
  EXPECT_GE(begun, seeds.count) << "where nothing is rolled out nothing is proved";
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulatedFleets, ::testing::Range<uint64_t>(0, kParts / 2));

}  // namespace
}  // namespace mullion::simulation
