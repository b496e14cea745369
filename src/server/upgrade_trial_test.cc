#include "server/upgrade_trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = TrialVerdict::Kind;

struct Case {
  std::string_view name;
  TrialSight sight;
  Kind kind;
  std::string_view reason;
};

TrialSight sight(env::Duration age) {
  TrialSight made;
  made.age = age;
  return made;
}

TrialSight ready(std::string version, env::Duration age = 2s) {
  TrialSight made = sight(age);
  made.ready_version = std::move(version);
  return made;
}

TrialSight serving(std::string version, env::Duration serving, env::Duration age = 2s) {
  TrialSight made = ready("v2.0.0", age);
  made.info_version = std::move(version);
  made.serving = serving;
  return made;
}

TrialSight ended(TrialSight made, std::string how) {
  made.ended = std::move(how);
  return made;
}

TrialSight refusing(TrialSight made, std::string problem) {
  made.problem = std::move(problem);
  return made;
}

TrialSight stopping(TrialSight made) {
  made.stop_asked = true;
  return made;
}

class Trials : public ::testing::TestWithParam<Case> {};

TEST_P(Trials, AreJudged) {
  const Case& wanted = GetParam();
  const TrialVerdict verdict = judge_trial(wanted.sight, "v2.0.0", 60s, 500ms);
  EXPECT_EQ(verdict.kind, wanted.kind) << wanted.name << ": " << verdict.reason;
  EXPECT_THAT(verdict.reason, HasSubstr(std::string(wanted.reason)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Trials,
    ::testing::Values(
        Case{"starting", sight(1s), Kind::kWait, ""}, Case{"just ready", ready("v2.0.0"), Kind::kWait, ""},
        Case{"serves since a moment", serving("v2.0.0", 100ms), Kind::kWait, ""},
        Case{"serves", serving("v2.0.0", 500ms), Kind::kProven, ""},
        Case{"serves at the last moment", serving("v2.0.0", 500ms, 60s), Kind::kProven, ""},
        Case{"crashed", ended(sight(1s), "signal 11"), Kind::kRollBack, "signal 11 before it became ready"},
        Case{"crashed later", ended(serving("v2.0.0", 5s), "exit code 1"), Kind::kRollBack,
             "exit code 1 after it became ready"},
        Case{"hangs", sight(60s), Kind::kRollBack, "did not become ready within 60 s"},
        Case{"does not answer", refusing(ready("v2.0.0", 60s), "refused"), Kind::kRollBack,
             "ready but did not serve within 60 s: refused"},
        Case{"is another one", ready("v3.0.0"), Kind::kRollBack, "says that it is v3.0.0, not v2.0.0"},
        Case{"another one answers", serving("v1.0.0", 0s), Kind::kRollBack, "/info says that it is v1.0.0"},
        Case{"asked to stop", stopping(serving("v2.0.0", 5s)), Kind::kStop, "asked to stop"},
        Case{"asked to stop when it had crashed", stopping(ended(sight(1s), "exit code 1")), Kind::kStop,
             "asked to stop"}));

}  // namespace
}  // namespace mullion::server
