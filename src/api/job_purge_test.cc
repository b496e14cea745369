#include "api/internal/job_purge.h"

#include <gtest/gtest.h>

#include "auth/auth.h"

namespace mullion::api {
namespace {

using Keys = std::vector<std::string>;
using std::chrono::hours;

const env::WallTime kNow = env::WallTime(hours(24 * 365 * 50));

JobFacts job(std::string key, std::string machine, std::string state, int hours_ago) {
  JobFacts facts{std::move(key), std::move(machine), std::move(state), {}, {}, false, true};
  facts.start = kNow - hours(hours_ago);
  facts.end = facts.start + hours(1);
  return facts;
}

TEST(JobPurge, OnlyFinishedAndFailedJobsMayGo) {
  const std::vector<JobFacts> jobs{job("a", "m", "finished", 9), job("b", "m", "failed", 9),
                                   job("c", "m", "created", 9), job("d", "m", "running", 9),
                                   job("e", "m", "incomplete", 9)};
  EXPECT_EQ(jobs_to_purge(jobs, {}, kNow), (Keys{"a", "b"}));
  PurgeRules missing;
  missing.machine_missing = true;
  std::vector<JobFacts> orphans = jobs;
  for (JobFacts& orphan : orphans) orphan.machine_exists = false;
  EXPECT_EQ(jobs_to_purge(orphans, missing, kNow), (Keys{"a", "b"}));
}

TEST(JobPurge, AgesCountFromTheEnd) {
  PurgeRules rules;
  rules.failed_after = hours(5);
  rules.complete_after = auth::kForever;
  const std::vector<JobFacts> jobs{job("old", "m", "failed", 6), job("young", "m", "failed", 5),
                                   job("finished", "m", "finished", 1000)};
  EXPECT_EQ(jobs_to_purge(jobs, rules, kNow), (Keys{"old"}));
  rules.complete_after = hours(999);
  EXPECT_EQ(jobs_to_purge(jobs, rules, kNow), (Keys{"finished", "old"}));
}

TEST(JobPurge, TheNewestOfEachMachineStay) {
  PurgeRules rules;
  rules.keep = 2;
  const std::vector<JobFacts> jobs{job("a1", "a", "finished", 4), job("a2", "a", "finished", 3),
                                   job("a3", "a", "running", 2),  job("b1", "b", "finished", 9),
                                   job("b2", "b", "failed", 8),   job("b3", "b", "finished", 7)};
  EXPECT_EQ(jobs_to_purge(jobs, rules, kNow), (Keys{"a1", "b1"}));
  rules.machine = "b";
  EXPECT_EQ(jobs_to_purge(jobs, rules, kNow), (Keys{"b1"}));
}

TEST(JobPurge, TheCurrentJobOfALivingMachineStays) {
  std::vector<JobFacts> jobs{job("a", "m", "finished", 9)};
  jobs[0].current = true;
  EXPECT_EQ(jobs_to_purge(jobs, {}, kNow), Keys{});
  jobs[0].machine_exists = false;
  EXPECT_EQ(jobs_to_purge(jobs, {}, kNow), Keys{"a"});
}

TEST(JobPurge, JobsOfMissingMachinesGoWhateverTheirAgeAndNumber) {
  PurgeRules rules;
  rules.machine_missing = true;
  rules.keep = 10;
  rules.complete_after = auth::kForever;
  std::vector<JobFacts> jobs{job("gone", "x", "finished", 1), job("here", "m", "finished", 1000)};
  jobs[0].machine_exists = false;
  EXPECT_EQ(jobs_to_purge(jobs, rules, kNow), Keys{"gone"});
}

struct WordsCase {
  PurgeWords words;
  uint64_t keep;
  env::Duration failed, complete;
};

TEST(JobPurge, WordsOfClientAndPreferences) {
  const WordsCase cases[] = {
      {{"", "", "", "", "0", "never", "never"}, 0, auth::kForever, auth::kForever},
      {{"", "", "", "", "3", "30d", "12h"}, 3, hours(720), hours(12)},
      {{"", "5", "", "", "3", "30d", "12h"}, 5, hours(0), hours(0)},
      {{"", "5", "1h", "", "3", "30d", "12h"}, 5, hours(1), hours(12)},
      {{"", "", "1h", "0", "", "", ""}, 0, hours(1), hours(0)},
  };
  for (const WordsCase& one : cases) {
    const Result<PurgeRules> rules = purge_rules(one.words);
    ASSERT_TRUE(rules.ok());
    EXPECT_EQ(rules->keep, one.keep);
    EXPECT_EQ(rules->failed_after, one.failed);
    EXPECT_EQ(rules->complete_after, one.complete);
    EXPECT_FALSE(rules->machine);
  }
  EXPECT_TRUE(purge_rules({"missing", "", "", "", "", "", ""})->machine_missing);
  EXPECT_EQ(purge_rules({"uuid", "", "", "", "", "", ""})->machine, "uuid");
}

TEST(JobPurge, BadWordsAreNamed) {
  EXPECT_EQ(purge_rules({"", "-1", "", "", "", "", ""}).error().messages.front(),
            "jobsToKeep: -1 is not a number");
  EXPECT_EQ(purge_rules({"", "", "soon", "", "", "", ""}).error().messages.front(),
            "failedJobsPurgedAfter: soon is not an age like 30d, 12h or never");
  EXPECT_EQ(purge_rules({"", "", "", "1x", "", "", ""}).error().code, ErrorCode::kBadRequest);
}

}  // namespace
}  // namespace mullion::api
