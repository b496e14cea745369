#include "apply/internal/verdict.h"

#include <gtest/gtest.h>

namespace mullion::apply {
namespace {

TEST(Verdict, WritesTheWholeOfIt) {
  Plan plan;
  plan.actions.resize(2);
  plan.problems = {"a problem"};
  ApplyState state;
  state.failed = 3;
  state.errors = {"Pref x: refused"};
  json::object endpoint{{"Id", "e"}, {"Validated", true}};
  write_verdict(plan, state, "a-b", endpoint);
  EXPECT_EQ(endpoint.at("Errors"), (json::array{"a problem", "Pref x: refused"}));
  EXPECT_EQ(endpoint.at("Available"), false);
  EXPECT_EQ(endpoint.at("ActionErrorCount"), 3);
  EXPECT_EQ(endpoint.at("PlannedFor"), "a-b");
  EXPECT_EQ(endpoint.at("Actions").as_array().size(), 2u);
  write_verdict(Plan(), ApplyState(), "", endpoint);
  EXPECT_EQ(endpoint.at("Available"), true);
  plan.problems.assign(5000, "many");
  write_verdict(plan, state, "a-b", endpoint);
  EXPECT_EQ(endpoint.at("Errors").as_array().size(), 100u);
}

TEST(Verdict, WordsForHowThingsStand) {
  Planned planned;
  planned.object = {{"ConnectionStatus", "Connected"}};
  ApplyState state;
  EXPECT_EQ(state_word(planned, state, true), "idle");
  state.state = "applying";
  EXPECT_EQ(state_word(planned, state, true), "applying");
  EXPECT_EQ(state_word(planned, state, false), "not managing");
  planned.object["ConnectionStatus"] = "Lost: cut";
  EXPECT_EQ(state_word(planned, state, true), "not connected");
  planned.disabled = true;
  EXPECT_EQ(state_word(planned, state, true), "disabled");
}

}  // namespace
}  // namespace mullion::apply
