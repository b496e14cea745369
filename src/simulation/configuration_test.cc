// Managers that configure endpoints, on simulated time, by seeds: docs/simulation.md, which also lists the
// faults of the product that were planted to see these tests fail.
#include <gtest/gtest.h>

#include "simulation/configuration_scenario_testing.h"
#include "simulation/running_testing.h"

namespace mullion::simulation {
namespace {

struct ConfiguredRun {
  Outcome outcome;
  size_t changes = 0;
};

ConfiguredRun configure(uint64_t seed, bool faults = true, bool told = false) {
  ConfigurationScenario scenario(seed, faults, told);
  ConfiguredRun out;
  out.outcome = scenario.run();
  out.changes = scenario.changes();
  return out;
}

constexpr const char* kAgain = "*.ReplayOfConfiguration";

TEST(DeclaredTruth, NamesTheSetsThatAreSaidToBeMissing) {
  const json::object endpoint{{"Errors", json::array{"VersionSet tuned (at 0) does not exist",
                                                     "VersionSet a (at b) (at 1) does not exist",
                                                     "tuned: Prefs: expected an object", 7}}};
  EXPECT_EQ(sets_said_missing(endpoint), (std::set<std::string>{"tuned", "a (at b)"}));
  EXPECT_TRUE(sets_said_missing({}).empty());
}

TEST(DeclaredTruth, ASetThatIsThereIsNotMissing) {
  const auto breach_after = [](Duration there, bool has) {
    World world(1, false);
    Truth truth(world);
    DeclaredTruth declared(world, truth);
    declared.has_set("R1", "tuned", has);
    (void)world.step(there);
    declared.says_missing("R1", "A", {"tuned"});
    return truth.breach();
  };
  EXPECT_NE(breach_after(6s, true), "");
  EXPECT_EQ(breach_after(1s, true), "") << "the plan was made before";
  EXPECT_EQ(breach_after(6s, false), "");
}

TEST(SimulatedConfiguration, WithoutFaults) {
  const Quiet quiet;
  run_without_faults(configured_shapes().size(), kAgain, [](uint64_t seed) {
    const ConfiguredRun run = configure(seed, false);
    EXPECT_GT(run.changes, 10U) << run.outcome.shape;
    return run.outcome;
  });
}

TEST(SimulatedConfiguration, TheSameSeedGivesTheSameRun) {
  const Quiet quiet;
  for (uint64_t seed = 1; seed <= 2; ++seed)
    EXPECT_EQ(configure(seed).outcome.hash, configure(seed).outcome.hash) << how_to_replay(seed, kAgain);
}

TEST(SimulatedConfiguration, ReplayOfConfiguration) {
  replay([](uint64_t seed) { return configure(seed, true, true).outcome; });
}

class SimulatedManagers : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulatedManagers, ConfigureAsDeclared) {
  const Quiet quiet;
  const Seeds seeds = seeds_of_part(GetParam(), kSeedsOfLongPart);
  size_t changes = 0, faults = 0;
  uint64_t steps = 0;
  Duration healed{0};
  run_seeds(seeds, kAgain, [&](uint64_t seed) {
    const ConfiguredRun run = configure(seed);
    changes += run.changes;
    faults += run.outcome.faults;
    steps += run.outcome.steps;
    healed = std::max(healed, run.outcome.healed);
    return run.outcome;
  });
  fmt::print(
      "{} seeds: {} steps, {} faults, {} changes of endpoints; all as declared {} s after the last fault\n",
      seeds.count, steps, faults, changes, healed / 1s);
  EXPECT_GT(changes, 10 * seeds.count) << "where little is changed little is proved";
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulatedManagers, ::testing::Range<uint64_t>(0, kParts));

}  // namespace
}  // namespace mullion::simulation
