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

constexpr const char* kRolledAgain = "*.ReplayOfRollouts";

TEST(SimulatedRollouts, WithoutFaults) {
  const Quiet quiet;
  run_without_faults(rollout_shapes().size(), kRolledAgain, [](uint64_t seed) {
    const RolledRun run = roll(seed, false);
    EXPECT_GT(run.begun, 0U) << run.outcome.shape;
    return run.outcome;
  });
}

TEST(SimulatedRollouts, TheSameSeedGivesTheSameRun) {
  const Quiet quiet;
  EXPECT_EQ(roll(1).outcome.hash, roll(1).outcome.hash);
}

TEST(SimulatedRollouts, ReplayOfRollouts) {
  replay([](uint64_t seed) { return roll(seed, true, true).outcome; });
}

class SimulatedFleets : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulatedFleets, AreRolledOutToInWaves) {
  const Quiet quiet;
  const Seeds seeds = seeds_of_part(GetParam(), kSeedsOfLongPart);
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
