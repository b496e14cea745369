// Availability follows what objects refer to, and what is in use stays.
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using namespace std::chrono_literals;

class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() { fixture.put_first_stage(); }
  Fixture fixture;

  void create(const std::string& collection, const std::string& body) {
    const Answer answer = fixture.call("POST", "/api/v3/" + collection, body);
    ASSERT_EQ(answer.status, 201) << answer.body;
  }
  boost::json::value shown(const std::string& path) { return fixture.call("GET", "/api/v3/" + path).json(); }
  /// Verdicts are made in the background; this waits for one.
  bool becomes(const std::string& path, bool available) {
    return env::eventually([&] { return shown(path).at("Available") == boost::json::value(available); });
  }
};

TEST_F(JudgeTest, WhatWasMissingAppears) {
  create("stages", R"({"Name":"s1","Tasks":["t1"],"Templates":[{"Name":"n","Path":"p","ID":"x1"}]})");
  create("workflows", R"({"Name":"w1","Stages":["s1"]})");
  EXPECT_EQ(shown("stages/s1").at("Available"), false);
  EXPECT_EQ(shown("workflows/w1").at("Available"), false);
  create("tasks", R"({"Name":"t1"})");
  create("templates", R"({"ID":"x1","Contents":"c"})");
  EXPECT_TRUE(becomes("stages/s1", true));
  EXPECT_TRUE(becomes("workflows/w1", true)) << "the stage's own change is followed too";
  EXPECT_EQ(shown("workflows/w1").at("Errors").as_array().size(), 0U);
}

TEST_F(JudgeTest, LayeredObjectsAreJudgedToo) {
  fixture.put_layered(
      "stages", "packed",
      R"({"Name":"packed","Tasks":["t1"],"Validated":true,"Available":false,"Errors":["x"]})");
  create("tasks", R"({"Name":"t1"})");
  EXPECT_TRUE(becomes("stages/packed", true));
  EXPECT_EQ(fixture.store->snapshot()->get_local("stages", "packed")->id.owner, store::kLayered);
}

TEST_F(JudgeTest, ReplicasAreLeftToTheirOwner) {
  const std::string body = R"({"Name":"far","Tasks":["t1"],"Available":false,"Errors":["x"]})";
  fixture.put_raw("stages", "A", "far", body);
  create("stages", R"({"Name":"near","Tasks":["t1"]})");
  create("tasks", R"({"Name":"t1"})");
  ASSERT_TRUE(becomes("stages/near", true));
  EXPECT_EQ(*fixture.store->snapshot()->get({"stages", "A", "far"}), body);
}

TEST_F(JudgeTest, MachinesFollowTheirStage) {
  create("stages", R"({"Name":"s1"})");
  create("machines",
         R"({"Uuid":"11111111-2222-4333-8444-555555555555","Name":"m1","Stage":"s1","BootEnv":"local"})");
  const std::string machine = "machines/11111111-2222-4333-8444-555555555555";
  EXPECT_EQ(shown(machine).at("Available"), true);
  EXPECT_EQ(
      fixture.call("PATCH", "/api/v3/stages/s1", R"([{"op":"add","path":"/Tasks","value":["t1"]}])").status,
      200);
  EXPECT_TRUE(becomes(machine, false));
  EXPECT_EQ(shown(machine).at("Errors").at(0),
            "11111111-2222-4333-8444-555555555555: Stage s1 is not available");
  create("tasks", R"({"Name":"t1"})");
  EXPECT_TRUE(becomes(machine, true));
}

TEST_F(JudgeTest, WhatIsSearchedForIsInUse) {
  create("templates", R"({"ID":"x1","Contents":"c"})");
  create("tasks", R"({"Name":"t1","Templates":[{"Name":"n","ID":"x1"}]})");
  create("tasks", R"({"Name":"t2","Prerequisites":["t1"]})");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/templates/x1").message(), "In use by Task t1");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/tasks/t1").message(), "In use by Task t2");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/tasks/t2").status, 200);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/tasks/t1").status, 200);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/templates/x1").status, 200);
}

TEST_F(JudgeTest, JobsAreRemovedWhenTheyAreOver) {
  create("machines", R"({"Uuid":"11111111-2222-4333-8444-555555555555","Name":"m1"})");
  create("jobs", R"({"Uuid":"21111111-2222-4333-8444-555555555555","State":"created",
                     "Machine":"11111111-2222-4333-8444-555555555555"})");
  const std::string job = "/api/v3/jobs/21111111-2222-4333-8444-555555555555";
  const Answer refused = fixture.call("DELETE", job);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.message(),
            "Jobs 21111111-2222-4333-8444-555555555555 is not in a deletable state: created");
  EXPECT_EQ(fixture.call("PATCH", job, R"([{"op":"replace","path":"/State","value":"finished"}])").status,
            200);
  EXPECT_EQ(fixture.call("DELETE", job).status, 200);
}

TEST_F(JudgeTest, SubnetsKeepTheirReservations) {
  create("subnets", R"({"Name":"net","Subnet":"10.1.2.0/24","OnlyReservations":true})");
  create("reservations", R"({"Addr":"10.1.2.3","Token":"t","Strategy":"MAC","Scoped":true})");
  create("reservations", R"({"Addr":"10.1.2.4","Token":"u","Strategy":"MAC"})");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/subnets/net").message(),
            "Reservation 10.1.2.3 is scoped for Subnet net, cannot delete.");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/reservations/10.1.2.3").status, 200);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/subnets/net").status, 200);
}

}  // namespace
}  // namespace mullion::api
