// Whole clusters in one process, on simulated time, by seeds: docs/simulation.md, which also lists the faults
// of the product that were planted to see these tests fail.
#include <gtest/gtest.h>

#include "simulation/running_testing.h"
#include "simulation/scenario_testing.h"

namespace mullion::simulation {
namespace {

Outcome run_one(uint64_t seed, const Wanted& wanted = {}) {
  Scenario scenario(seed, wanted);
  return scenario.run();
}

TEST(Simulation, ALeafAndItsManagerWithoutFaults) {
  const Quiet quiet;
  const Wanted wanted{.shape = &shapes().front(), .faults = false};
  const Outcome outcome = run_one(1, wanted);
  EXPECT_EQ(outcome.breach, "");
  EXPECT_GT(outcome.acknowledged, 20U);
  EXPECT_EQ(outcome.faults, 0U);
}

TEST(Simulation, TheSameSeedGivesTheSameRun) {
  const Quiet quiet;
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Outcome outcome = run_one(seed);
    EXPECT_EQ(run_one(seed).hash, outcome.hash) << how_to_replay(seed);
    hashes.insert(outcome.hash);
  }
  EXPECT_EQ(hashes.size(), 10U);
}

TEST(Simulation, Replay) {
  replay([](uint64_t seed) { return run_one(seed, {.told = true}); });
}

class SimulatedClusters : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulatedClusters, KeepWhatIsPromised) {
  const Quiet quiet;
  const Seeds seeds = seeds_of_part(GetParam(), kSeedsOfPart);
  Outcome sum;
  run_seeds(seeds, "*.Replay", [&](uint64_t seed) {
    Outcome outcome = run_one(seed);
    sum.writes += outcome.writes;
    sum.acknowledged += outcome.acknowledged;
    sum.steps += outcome.steps;
    sum.faults += outcome.faults;
    sum.healed = std::max(sum.healed, outcome.healed);
    return outcome;
  });
  fmt::print(
      "{} seeds: {} steps, {} faults, {} writes, {} of them acknowledged; all equal {} s after the last "
      "fault\n",
      seeds.count, sum.steps, sum.faults, sum.writes, sum.acknowledged, sum.healed / 1s);
  EXPECT_GT(sum.acknowledged * 10, sum.writes) << "what is refused proves little";
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulatedClusters, ::testing::Range<uint64_t>(0, kParts));

}  // namespace
}  // namespace mullion::simulation
