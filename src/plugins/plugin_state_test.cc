#include "plugins/internal/plugin_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::plugins {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const env::SteadyTime kNow{std::chrono::hours(1)};
const PluginWish kWish{.run = true, .generation = "g1", .config = "{}"};

PluginState serving() { return after_configure(after_start({}, kWish), "{}", "", kNow); }

struct StepCase {
  std::string what;
  PluginState state;
  PluginWish wish;
  PluginStep step;
};

TEST(PluginState, NextStep) {
  PluginWish unwanted;
  PluginWish reconfigured = kWish, replaced = kWish;
  reconfigured.config = R"({"a":1})";
  replaced.generation = "g2";
  const PluginState failed = after_failure({}, "g1", "crashed", kNow, 0);
  const PluginState refusing = after_configure(after_start({}, kWish), "{}", "no", kNow);
  const std::vector<StepCase> cases{
      {"nothing wanted, nothing there", {}, unwanted, PluginStep::kRest},
      {"wanted", {}, kWish, PluginStep::kStart},
      {"started, not configured", after_start({}, kWish), kWish, PluginStep::kConfigure},
      {"in service", serving(), kWish, PluginStep::kRest},
      {"parameters changed", serving(), reconfigured, PluginStep::kConfigure},
      {"not wanted any more", serving(), unwanted, PluginStep::kStop},
      {"another program", serving(), replaced, PluginStep::kStop},
      {"another program wins over parameters", after_start({}, kWish), replaced, PluginStep::kStop},
      {"failed a moment ago", failed, kWish, PluginStep::kWait},
      {"failed, but the program is new", failed, replaced, PluginStep::kStart},
      {"failed, and not wanted", failed, unwanted, PluginStep::kRest},
      {"refuses what it has: asked again only when it changes", refusing, kWish, PluginStep::kRest},
      {"refused, now something else", refusing, reconfigured, PluginStep::kConfigure},
  };
  for (const StepCase& each : cases)
    EXPECT_EQ(next_step(each.state, each.wish, kNow), each.step) << each.what;
}

TEST(PluginState, AFailureWaitsAndThenStartsAgain) {
  const PluginState failed = after_failure(serving(), "g1", "crashed", kNow, 0);
  EXPECT_EQ(next_step(failed, kWish, kNow + std::chrono::milliseconds(999)), PluginStep::kWait);
  EXPECT_EQ(next_step(failed, kWish, kNow + seconds(1)), PluginStep::kStart);
}

TEST(PluginState, PausesGrowToAMinuteAndAreSpread) {
  EXPECT_EQ(restart_pause(1, 0), seconds(1));
  EXPECT_EQ(restart_pause(2, 0), seconds(2));
  EXPECT_EQ(restart_pause(6, 0), seconds(32));
  EXPECT_EQ(restart_pause(7, 0), seconds(60));
  EXPECT_EQ(restart_pause(1000000, 0), seconds(60));
  EXPECT_EQ(restart_pause(2, 0.5), std::chrono::milliseconds(1500));
  EXPECT_GE(restart_pause(2, 0.999999), seconds(1));
}

TEST(PluginState, FailuresInARowCountUntilAMinuteOfGoodService) {
  PluginState state = after_failure(serving(), "g1", "one", kNow + seconds(1), 0);
  EXPECT_EQ(state.failures, 1U);
  state = after_configure(after_start(state, kWish), "{}", "", kNow);
  state = after_failure(state, "g1", "two", kNow + seconds(59), 0);
  EXPECT_EQ(state.failures, 2U);
  state = after_configure(after_start(state, kWish), "{}", "", kNow);
  state = after_failure(state, "g1", "three", kNow + seconds(60), 0);
  EXPECT_EQ(state.failures, 1U);
}

TEST(PluginState, AStopForgetsFailures) {
  const PluginState stopped = after_stop(after_failure(serving(), "g1", "crashed", kNow, 0));
  EXPECT_EQ(next_step(stopped, kWish, kNow), PluginStep::kStart);
  EXPECT_EQ(stopped.failures, 0U);
}

TEST(PluginState, ErrorsAreEmptyExactlyInService) {
  EXPECT_THAT(plugin_errors(serving(), kWish), IsEmpty());
  EXPECT_TRUE(is_serving(serving(), kWish));
  EXPECT_THAT(plugin_errors({}, kWish), ElementsAre("The plugin is starting"));
  EXPECT_THAT(plugin_errors(after_start({}, kWish), kWish), ElementsAre("The plugin is starting"));
  PluginWish impossible;
  impossible.problem = "Plugin provider x does not exist";
  EXPECT_THAT(plugin_errors(serving(), impossible), ElementsAre(impossible.problem));
  const PluginState refusing = after_configure(after_start({}, kWish), "{}", "too low", kNow);
  EXPECT_THAT(plugin_errors(refusing, kWish), ElementsAre("Configuration refused: too low"));
  EXPECT_FALSE(is_serving(refusing, kWish));
}

TEST(PluginState, ManyFailuresAreToldPlainly) {
  PluginState state;
  for (int i = 0; i < 5; ++i) state = after_failure(state, "g1", "exit code 3", kNow, 0);
  EXPECT_THAT(plugin_errors(state, kWish), ElementsAre("exit code 3", HasSubstr("5 times in a row")));
}

}  // namespace
}  // namespace mullion::plugins
