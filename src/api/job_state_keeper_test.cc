#include "api/internal/job_state_keeper.h"

#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using testing::Fixture;

constexpr const char* kTaskRun = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr const char* kRunner = "bbbbbbbb-0000-4000-8000-000000000001";

TEST(JobState, IsCopiedFromTheJob) {
  const auto shown = [](const char* machine, const char* job) {
    const json::value of_machine = json::parse(machine);
    const json::value of_job = json::parse(job);
    const auto after = with_job_state(of_machine.as_object(), of_job.if_object());
    return after ? json::serialize(*after) : "same";
  };
  EXPECT_EQ(shown("{}", "null"), "same");
  EXPECT_EQ(shown("{}", R"({"State":"failed","ExitState":"stop"})"),
            R"({"JobState":"failed","JobExitState":"stop"})");
  EXPECT_EQ(shown(R"({"JobState":"failed"})", R"({"State":"failed"})"), "same");
  EXPECT_EQ(shown(R"({"JobState":"failed"})", "null"), R"({"JobState":""})") << "the job is gone";
}

class JobStates : public ::testing::Test {
 protected:
  void put_job(const std::string& state) {
    fixture.put_raw("jobs", "", kTaskRun,
                    fmt::format(R"({{"Uuid":"{}","Machine":"{}","State":"{}"}})", kTaskRun, kRunner, state));
  }
  bool counted(const std::string& filter) {
    return env::eventually([&] {
      return fixture.call("HEAD", "/api/v3/machines?" + filter).header("X-DRP-LIST-FILTER-COUNT") == "1";
    });
  }
  Fixture fixture;
};

TEST_F(JobStates, MachinesAreFoundByTheStateOfTheirJob) {
  put_job("running");
  fixture.put_raw("machines", "", kRunner,
                  fmt::format(R"({{"Name":"m","Uuid":"{}","CurrentJob":"{}"}})", kRunner, kTaskRun));
  EXPECT_TRUE(counted("JobState=running"));
  put_job("failed");
  EXPECT_TRUE(counted("JobState=failed"));
  EXPECT_EQ(fixture.call("GET", "/api/v3/machines?group-by=JobState").body,
            R"([{"Value":"failed","Count":1}])");
  EXPECT_EQ(fixture.call("GET", "/api/v3/jobs?group-by=ExitState").body, R"([{"Value":"","Count":1}])");
  EXPECT_EQ(fixture.call("DELETE", fmt::format("/api/v3/jobs/{}", kTaskRun)).status, 200);
  EXPECT_TRUE(counted("JobState="));
}

TEST_F(JobStates, AMachineMayNameItsJobLater) {
  put_job("finished");
  fixture.put_raw("machines", "", kRunner, fmt::format(R"({{"Name":"m","Uuid":"{}"}})", kRunner));
  fixture.put_raw("machines", "", kRunner,
                  fmt::format(R"({{"Name":"m","Uuid":"{}","CurrentJob":"{}"}})", kRunner, kTaskRun));
  EXPECT_TRUE(counted("JobState=finished"));
}

}  // namespace
}  // namespace mullion::api
