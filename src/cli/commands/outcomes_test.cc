// What commands say at their end, and their exit status, is what came of it.
#include <gmock/gmock.h>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using ::testing::HasSubstr;
using Outcomes = testing::CommandTest;

std::string rollout(const std::string& state, const std::string& reason, const std::string& endpoint_state) {
  return json::serialize(json::object{
      {"Id", "r"},
      {"State", state},
      {"Reason", reason},
      {"Progress",
       json::array{json::object{
           {"Name", "all"},
           {"State", "done"},
           {"Started", "2026-01-01T00:00:00Z"},
           {"Endpoints", json::array{json::object{{"Endpoint", "A"}, {"State", endpoint_state}}}}}}}});
}

TEST_F(Outcomes, ARolloutIsWatchedToASuccessOnlyWhenNothingFailed) {
  struct Case {
    std::string state, reason, endpoint;
    int status;
    std::string text;
  };
  for (const Case& one :
       {Case{"done", "", "done", 0, ""},
        Case{"done", "", "failed", 1, "the rollout is done: 1 endpoints failed"},
        Case{"done", "1 endpoints failed", "failed", 1, "the rollout is done: 1 endpoints failed"},
        Case{"failed", "1 of 1 endpoints failed", "failed", 1,
             "the rollout is failed: 1 of 1 endpoints failed"},
        Case{"returned", "why", "returned", 1, "the rollout is returned: why"},
        Case{"aborted", "aborted by x", "left", 1, "the rollout is aborted: aborted by x"}}) {
    answer("GET /api/v3/rollouts/r", rollout(one.state, one.reason, one.endpoint));
    EXPECT_EQ(run({"rollouts", "watch", "r"}), one.status) << one.state;
    EXPECT_THAT(err(), HasSubstr(one.text));
  }
  EXPECT_THAT(out(), HasSubstr("1 left as they are")) << "which is not done";
  EXPECT_EQ(run({"rollouts", "watch", "nobody"}), 1);
}

TEST_F(Outcomes, AnIsoThatIsNeededAndNotUploadedIsAnError) {
  answer("GET /api/v3/isos", R"(["there.iso"])");
  answer("GET /api/v3/bootenvs/ignore", R"({"Name":"ignore","OS":{"Name":"ignore"}})");
  EXPECT_EQ(run({"bootenvs", "uploadiso", "ignore"}), 1);
  EXPECT_EQ(err(), "Error: BootEnv ignore does not require an iso\n");
  answer("GET /api/v3/bootenvs/has", R"({"Name":"has","OS":{"Name":"x","IsoFile":"there.iso"}})");
  EXPECT_EQ(run({"bootenvs", "uploadiso", "has"}), 0) << err();
  answer("GET /api/v3/bootenvs/lacks", R"({"Name":"lacks","OS":{"Name":"x","IsoFile":"gone.iso"}})");
  EXPECT_EQ(run({"bootenvs", "uploadiso", "lacks"}), 1);
  EXPECT_THAT(err(), HasSubstr("not uploaded: gone.iso"));
  answer("GET /api/v3/machines/m1/params/bootenv-customize", "{}");
  EXPECT_EQ(run({"machines", "uploadiso", "m1"}), 1);
  EXPECT_THAT(err(), HasSubstr("does not require an iso"));
  const std::string file =
      write("lacks.yaml", "Name: lacks\nOS: {Name: x, IsoFile: gone.iso, IsoUrl: http://x/y}\n");
  answer("HEAD /api/v3/bootenvs/lacks", "");
  answer("GET /api/v3/bootenvs/lacks",
         R"({"Name":"lacks","OS":{"Name":"x","IsoFile":"gone.iso","IsoUrl":"http://x/y"}})");
  EXPECT_EQ(run({"bootenvs", "install", file, "--skip-download"}), 0) << err();
  EXPECT_THAT(err(), HasSubstr("get it from http://x/y")) << "it was asked not to fetch it, and says so";
}

TEST_F(Outcomes, APlanShowsOneValueInOneWay) {
  answer("GET /api/v3/endpoints/A/plan", R"({"Endpoint":"A","State":"planned","Actions":[
    {"Number":1,"Type":"Global","Name":"ntp","Current":"[\"10.0.0.1\",\"10.0.0.2\"]","Value":["10.1.0.1"]},
    {"Number":2,"Type":"Global","Name":"map","Current":"{\"a\":1}","Value":{"a":2}},
    {"Number":3,"Type":"Pref","Name":"number","Current":"1.50","Value":"1.60"}]})");
  EXPECT_EQ(run({"endpoints", "plan", "A"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("10.0.0.1,10.0.0.2  10.1.0.1"));
  EXPECT_THAT(out(), HasSubstr(R"({"a":1}            {"a":2})"));
  EXPECT_THAT(out(), HasSubstr("1.50               1.60"));
}

}  // namespace
}  // namespace mullion::cli
