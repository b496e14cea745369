// Version sets that travel to managers downstream, on simulated time, by seeds: docs/simulation.md, which
// also lists the faults of the product that were planted to see these tests fail.
#include <gtest/gtest.h>

#include "simulation/downstream_scenario_testing.h"
#include "simulation/running_testing.h"

namespace mullion::simulation {
namespace {

struct DownstreamRun {
  Outcome outcome;
  size_t copies = 0, changes = 0;
};

DownstreamRun send_down(uint64_t seed, bool faults = true, bool told = false) {
  DownstreamScenario scenario(seed, faults, told);
  DownstreamRun out;
  out.outcome = scenario.run();
  out.copies = scenario.copies();
  out.changes = scenario.changes();
  return out;
}

constexpr const char* kDownstreamAgain = "*.ReplayOfTravelledSets";

TEST(SimulatedDownstream, WithoutFaults) {
  const Quiet quiet;
  run_without_faults(downstream_shapes().size(), kDownstreamAgain, [](uint64_t seed) {
    const DownstreamRun run = send_down(seed, false);
    EXPECT_GT(run.copies, 5U) << run.outcome.shape;
    EXPECT_GT(run.changes, 10U) << run.outcome.shape;
    return run.outcome;
  });
}

TEST(SimulatedDownstream, TheSameSeedGivesTheSameRun) {
  const Quiet quiet;
  EXPECT_EQ(send_down(1).outcome.hash, send_down(1).outcome.hash);
}

TEST(SimulatedDownstream, ReplayOfTravelledSets) {
  replay([](uint64_t seed) { return send_down(seed, true, true).outcome; });
}

class SimulatedParents : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulatedParents, SendTheirSetsDownstream) {
  const Quiet quiet;
  const Seeds seeds = seeds_of_part(GetParam(), kSeedsOfLongPart);
  size_t copies = 0, changes = 0, faults = 0;
  uint64_t steps = 0;
  Duration healed{0};
  run_seeds(seeds, kDownstreamAgain, [&](uint64_t seed) {
    const DownstreamRun run = send_down(seed);
    copies += run.copies;
    changes += run.changes;
    faults += run.outcome.faults;
    steps += run.outcome.steps;
    healed = std::max(healed, run.outcome.healed);
    return run.outcome;
  });
  fmt::print(
      "{} seeds: {} steps, {} faults, {} sets arrived downstream, {} changes of endpoints; all as declared "
      "{} s after the last fault\n",
      seeds.count, steps, faults, copies, changes, healed / 1s);
  EXPECT_GT(copies, 5 * seeds.count) << "where little travels little is proved";
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulatedParents, ::testing::Range<uint64_t>(0, kParts / 2));

}  // namespace
}  // namespace mullion::simulation
