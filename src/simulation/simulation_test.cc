// Whole clusters in one process, on simulated time, by seeds: docs/simulation.md.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.h"
#include "simulation/scenario_testing.h"

namespace mullion::simulation {
namespace {

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

Outcome run_one(uint64_t seed, const Wanted& wanted = {}) {
  Scenario scenario(seed, wanted);
  return scenario.run();
}

std::string how_to_replay(uint64_t seed) {
  return fmt::format(
      "replay it with: MULLION_SEED={} build/debug/tests/test_simulation --gtest_filter='*Replay*'", seed);
}

/// Servers that are killed leave tasks behind, which their groups would tell of.
class Simulation : public ::testing::Test {
 protected:
  Simulation() { set_log_level(LogLevel::kAudit); }
  ~Simulation() override { set_log_level(LogLevel::kInfo); }
};

TEST_F(Simulation, ALeafAndItsManagerWithoutFaults) {
  const Wanted wanted{
      .shape = &shapes().front(), .faults = false, .told = std::getenv("MULLION_TRACE") != nullptr};
  const Outcome first = run_one(1, wanted);
  EXPECT_EQ(first.breach, "");
  EXPECT_GT(first.acknowledged, 20U);
  EXPECT_EQ(run_one(1, wanted).hash, first.hash);
}

TEST_F(Simulation, Replay) {
  const uint64_t seed = number_from("MULLION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "no MULLION_SEED";
  set_log_level(LogLevel::kInfo);
  const Outcome outcome = run_one(seed, {.told = true});
  EXPECT_EQ(outcome.breach, "");
}

TEST_F(Simulation, Seeds) {
  const uint64_t first = number_from("MULLION_FIRST_SEED", 1);
  const uint64_t count = number_from("MULLION_SEEDS", 20);
  int breaches = 0;
  for (uint64_t seed = first; seed < first + count && breaches < 5; ++seed) {
    const Outcome outcome = run_one(seed);
    if (std::getenv("MULLION_SUMMARY") != nullptr) {
      fmt::print(
          stderr,
          "seed {} {}: {} steps, {} writes, {} acknowledged, {} pending, {} faults, healed in {} s {}\n",
          seed, outcome.shape, outcome.steps, outcome.writes, outcome.acknowledged, outcome.pending,
          outcome.faults, outcome.healed / 1s, outcome.breach);
    }
    if (!outcome.breach.empty()) ++breaches;
    EXPECT_EQ(outcome.breach, "") << "seed " << seed << "; " << how_to_replay(seed);
  }
}

}  // namespace
}  // namespace mullion::simulation
