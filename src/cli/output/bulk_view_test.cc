#include "cli/output/bulk_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

using ::testing::HasSubstr;

TEST(BulkView, OneLine) {
  EXPECT_EQ(bulk_line(json::parse(R"({"Id":"b","State":"running","Reason":"","Counts":)"
                                  R"({"Total":9,"Done":4,"Running":2,"Refused":1,"Pending":2}})")),
            "b running: 4 of 9 done, 2 under way, 1 refused, 2 to come");
  EXPECT_EQ(bulk_line(json::parse(R"({"Id":"b","State":"stopped","Reason":"by \u001bme"})")),
            "b stopped: 0 of 0 done (by \\x1bme)");
}

TEST(BulkView, RestsWhenNothingMoreHappens) {
  for (const char* state : {"created", "asking", "paused", "stopped", "done", "failed"})
    EXPECT_TRUE(bulk_rests(json::object{{"State", state}})) << state;
  for (const char* state : {"freezing", "running"})
    EXPECT_FALSE(bulk_rests(json::object{{"State", state}})) << state;
}

TEST(BulkView, APreviewSaysWhoIsDark) {
  EXPECT_EQ(bulk_preview_text(json::parse(
                R"({"Count":4,"Judged":2,"WouldChange":1,"AlreadySo":1,"Locked":0,"NotAllowed":0,"Owners":[)"
                R"({"Endpoint":"A","Count":4,"InTouch":false,"Judged":4,"WouldChange":4}]})")),
            "4 objects: would change 1, already so 1, locked 0, not allowed 0 (of 2 looked at)\n"
            "  A: 4 objects, would change 4, already so 0, locked 0, not allowed 0; not in touch: will be "
            "unreachable\n");
}

const json::value kPlan = json::parse(R"({"Count":3,"Groups":[{"Count":2,"Endpoints":["a","b"],"Bytes":12000,
  "Restarts":true,"OldestFacts":12.4,"Problems":["no build"],
  "Actions":[{"Action":"AddOrUpdate","Type":"ContentPackage","Name":"x","Version":"v2","Current":"v1","Bytes":12000}],
  "Deletions":[{"Action":"Delete","Type":"ContentPackage","Name":"y","Current":"v1"}]}],
  "Problems":[{"Reason":"unreachable","Count":1,"Endpoints":["c"]}],
  "Links":[{"From":"M","To":"a","Bytes":12000,"Artifacts":1}]})");

TEST(FleetPlanView, ShowsGroupsProblemsAndLinks) {
  EXPECT_EQ(
      fleet_plan_text(kPlan, false),
      "3 endpoints, 1 plans, 1 endpoints without one\n"
      "plan 1: 2 endpoints, 1 actions, 1 deletions, 12 kB each, with a restart, from facts up to 12 s old\n"
      "  a b\n"
      "    AddOrUpdate ContentPackage x v2 (now v1), 12 kB\n"
      "    Delete ContentPackage y (now v1)\n"
      "    problem: no build\n"
      "no plan: 1 endpoints: unreachable\n"
      "  c\n"
      "over these links:\n"
      "  M -> a: 12 kB, 1 artifacts\n");
  EXPECT_THAT(fleet_plan_text(kPlan, true), HasSubstr("\x1b[31m    Delete ContentPackage y"));
}

using BulkCommands = testing::CommandTest;

TEST_F(BulkCommands, RunSendsWhatWasSaidAndAsksBefore) {
  answer("POST /api/v3/bulks", R"({"Id":"b"})", 201);
  answer("POST /api/v3/bulks/b/actions/preview", R"({"Count":7,"Judged":7,"WouldChange":7})");
  answer("POST /api/v3/bulks/b/actions/start", R"({"Id":"b","State":"freezing"})");
  answer("GET /api/v3/bulks/b", R"({"Id":"b","State":"done","Counts":{"Total":7,"Done":7}})");
  const std::vector<std::string> words{"bulk",    "run",        "machines", "Stage=broken",
                                       "--set",   "Workflow=x", "--set",    "Runnable=true",
                                       "--first", "5",          "--id",     "b"};
  EXPECT_EQ(run(words), 1) << "nobody can answer the question";
  EXPECT_THAT(err(), HasSubstr("not confirmed, nothing was changed"));
  std::vector<std::string> certain = words;
  certain.push_back("--yes");
  EXPECT_EQ(run(certain), 0) << err();
  EXPECT_THAT(out(), HasSubstr("b done: 7 of 7 done"));
  const auto seen = server_.seen();
  const auto created = std::ranges::find(seen, std::string("POST /api/v3/bulks"), &testing::Seen::line);
  ASSERT_NE(created, seen.end());
  EXPECT_EQ(json::parse(created->body),
            json::parse(R"({"Id":"b","What":{"Kind":"set","Fields":{"Workflow":"x","Runnable":true}},)"
                        R"("Selection":{"Type":"machines","Filter":"Stage=broken"},"First":5})"));
}

TEST_F(BulkCommands, WrongOnesAreUsageErrors) {
  EXPECT_EQ(run({"bulk", "run", "machines"}), 1);
  EXPECT_THAT(err(), HasSubstr("what is to be done?"));
  EXPECT_EQ(run({"bulk", "run", "machines", "--delete", "--set", "A=1"}), 1);
  EXPECT_THAT(err(), HasSubstr("not two"));
  EXPECT_EQ(run({"bulk", "run", "machines", "--set", "A"}), 1);
  EXPECT_THAT(err(), HasSubstr("--set wants NAME=VALUE"));
  EXPECT_EQ(run({"endpoints", "plans"}), 1);
  EXPECT_THAT(err(), HasSubstr("--sets A,B"));
}

TEST_F(BulkCommands, WhatAsksIsNotDone) {
  answer("GET /api/v3/bulks/b", R"({"Id":"b","State":"asking","Reason":"the first 5 are done"})");
  EXPECT_EQ(run({"bulks", "watch", "b"}), 1);
  EXPECT_THAT(err(), HasSubstr("bulks continue b"));
}

}  // namespace
}  // namespace mullion::cli
