#include "cli/output/rollout_view.h"

#include <gtest/gtest.h>

namespace mullion::cli {
namespace {

const json::value kRollout = json::parse(R"({"Id":"spring","State":"soaking","Reason":"","Progress":[
  {"Name":"1 endpoints","State":"done","Started":"2026-01-01T00:00:00Z","Gate":"0 machines match, wanted = 0",
   "Endpoints":[{"Endpoint":"A","State":"done"}]},
  {"Name":"the others","State":"soaking","Started":"2026-01-01T00:01:00Z","SoakUntil":"2026-01-01T00:10:00Z",
   "Endpoints":[{"Endpoint":"B1","State":"failed","Reason":"no \u001bspace"},{"Endpoint":"C","State":"applying"}]}]})");

env::WallTime time_of(const char* text) {
  env::WallTime time;
  EXPECT_TRUE(env::parse_rfc3339(text, time));
  return time;
}

TEST(RolloutView, ShowsWavesAndWhatIsLeftToSoak) {
  EXPECT_EQ(rollout_text(kRollout, time_of("2026-01-01T00:08:30Z")),
            "spring: soaking\n"
            "wave 1 (1 endpoints) done: 1 done, gate: 0 machines match, wanted = 0\n"
            "  A  done\n"
            "wave 2 (the others) soaking: 1 under way, 1 failed, 1 min 30 s to soak\n"
            "  B1  failed: no \\x1bspace\n"
            "  C   applying\n");
  EXPECT_EQ(rollout_text(kRollout, time_of("2026-01-01T01:00:00Z"), 3),
            "spring: soaking\n"
            "wave 1 (1 endpoints) done: 1 done, gate: 0 machines match, wanted = 0\n"
            "... and 4 more lines\n");
}

TEST(RolloutView, OneLine) {
  EXPECT_EQ(rollout_line(kRollout), "spring: soaking, wave 2 of 2: 1 under way, 1 done, 1 failed");
  EXPECT_EQ(rollout_line(json::parse(R"({"Id":"x1","State":"planned","Reason":"not started: y"})")),
            "x1: planned (not started: y)");
}

TEST(RolloutView, KnowsWhenItIsOver) {
  for (const char* state : {"done", "returned", "aborted", "failed"})
    EXPECT_TRUE(rollout_is_over(json::object{{"State", state}})) << state;
  for (const char* state : {"planned", "running", "soaking", "paused", "returning", "aborting"})
    EXPECT_FALSE(rollout_is_over(json::object{{"State", state}})) << state;
}

TEST(RolloutView, DryRun) {
  EXPECT_EQ(dry_run_text(json::parse(R"({"Waves":[{"Name":"all","Endpoints":[
              {"Endpoint":"A","Before":["a"],"VersionSets":["n","a"],
               "Actions":[{"Action":"Set","Type":"Pref","Name":"p","Version":""}]},
              {"Endpoint":"B","Before":[],"VersionSets":["n"],"Problem":"not attached"}]}],"Problems":["no set n"]})")),
            "wave 1 (all): 2 endpoints\n  A: a -> n,a\n    Set Pref p\n  B: nothing -> n\n    not "
            "attached\nproblem: no set n\n");
  EXPECT_EQ(dry_run_text(json::parse(R"({"Waves":[]})")), "no endpoints\n");
}

}  // namespace
}  // namespace mullion::cli
