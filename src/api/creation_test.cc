// What the server does to objects beyond what clients write: at creation, at every write, and when what they
// refer to changes.
#include <gtest/gtest.h>

#include <thread>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using testing::Answer;
using testing::Fixture;

class CreationTest : public ::testing::Test {
 protected:
  CreationTest() { fixture.put_first_stage(); }
  Fixture fixture;

  json::value created(const std::string& collection, const std::string& body,
                      const std::string& who = "root") {
    const Answer answer = fixture.call("POST", "/api/v3/" + collection, body, who);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.json();
  }
  Answer get(const std::string& path) { return fixture.call("GET", "/api/v3/" + path); }
};

TEST_F(CreationTest, MachinesOfClientsThatSendEveryMember) {
  const json::value machine =
      created("machines",
              R"({"Name":"m1","Runnable":false,"WorkflowComplete":false,"Arch":"","Pool":"","Profiles":null,)"
              R"("Stage":"","Meta":{"a":"b","BaseContext":"runner"},"Context":""})");
  EXPECT_EQ(machine.at("Runnable"), json::value(true));
  EXPECT_EQ(machine.at("WorkflowComplete"), json::value(true));
  EXPECT_EQ(machine.at("Arch"), json::value("amd64"));
  EXPECT_EQ(machine.at("Context"), json::value("runner"));
  EXPECT_EQ(machine.at("Meta").at("a"), json::value("b"));
  EXPECT_EQ(machine.at("Meta").at("feature-flags"), json::value("change-stage-v2"));
  const std::string path = "/api/v3/machines/" + std::string(machine.at("Uuid").as_string());
  const Answer stopped =
      fixture.call("PATCH", path, R"([{"op":"replace","path":"/Runnable","value":false}])");
  EXPECT_EQ(stopped.json().at("Runnable"), json::value(false)) << "only creation forces it";
}

TEST_F(CreationTest, JobsWithoutStateAreCreatedWhereTasksWait) {
  created("tasks", R"({"Name":"t1"})");
  const std::string uuid(
      created("machines", R"({"Name":"m1","Tasks":["t1"],"Context":"runner"})").at("Uuid").as_string());
  for (const char* state : {R"(,"State":"")", R"(,"State":null)", ""}) {
    const std::string body = fmt::format(R"({{"Machine":"{}","Context":"runner"{}}})", uuid, state);
    EXPECT_EQ(created("jobs", body).at("State"), json::value("created")) << state;
  }
}

TEST_F(CreationTest, JobsWithoutStateAreNotMadeWhereNothingIsToDo) {
  created("tasks", R"({"Name":"t1"})");
  const std::string idle(created("machines", R"({"Name":"idle"})").at("Uuid").as_string());
  const std::string other(
      created("machines", R"({"Name":"other","Tasks":["t1"],"Context":"runner"})").at("Uuid").as_string());
  const std::string done(created("machines", R"({"Name":"done","Tasks":["t1"]})").at("Uuid").as_string());
  fixture.put_raw("machines", "", done,
                  fmt::format(R"({{"Name":"done","Uuid":"{}","Tasks":["t1"],"CurrentTask":1}})", done));
  for (const std::string& machine : {idle, other, done}) {
    for (const char* state : {R"(,"State":"")", R"(,"State":null)", ""}) {
      const Answer asked =
          fixture.call("POST", "/api/v3/jobs", fmt::format(R"({{"Machine":"{}"{}}})", machine, state));
      EXPECT_EQ(asked.status, 204) << machine << state << asked.body;
      EXPECT_EQ(asked.body, "");
      EXPECT_EQ(asked.header("Content-Type"), "application/json");
    }
  }
  EXPECT_EQ(get("jobs").json().as_array().size(), 0U);
  created("jobs", fmt::format(R"({{"Machine":"{}","State":"finished"}})", idle));
  EXPECT_EQ(
      fixture.call("POST", "/api/v3/jobs", R"({"Machine":"11111111-0000-4000-8000-000000000000"})").status,
      422);
  for (const char* wrong : {R"("State":7)", R"("ExitState":"fred")", R"("Previous":"x")"}) {
    const Answer asked =
        fixture.call("POST", "/api/v3/jobs", fmt::format(R"({{"Machine":"{}",{}}})", idle, wrong));
    EXPECT_GE(asked.status, 400) << "what is wrong is told first: " << wrong;
  }
  fixture.authenticator.users["bob"] = {{"jobs", "create", "somebody-else"}};
  const Answer refused =
      fixture.call("POST", "/api/v3/jobs", fmt::format(R"({{"Machine":"{}"}})", idle), "bob");
  EXPECT_EQ(refused.status, 403) << "who may not give it jobs learns nothing of the machine";
}

TEST_F(CreationTest, StagesAlwaysWaitForTheirRunner) {
  EXPECT_EQ(created("stages", R"({"Name":"ss","RunnerWait":false})").at("RunnerWait"), json::value(true));
  const Answer put = fixture.call("PUT", "/api/v3/stages/ss", R"({"Name":"ss","RunnerWait":false})");
  EXPECT_EQ(put.json().at("RunnerWait"), json::value(true));
}

TEST_F(CreationTest, NothingSentIsNull) {
  created("profiles", R"({"Name":"p1"})");
  const Answer set = fixture.call("POST", "/api/v3/profiles/p1/params/abc", "");
  EXPECT_EQ(set.status, 200);
  EXPECT_EQ(set.body, "null");
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", "").status, 400) << "an object needs more";
}

TEST_F(CreationTest, StampsAreTheServers) {
  fixture.authenticator.users["ann"] = {{"*", "*", "*"}};
  const json::value made = created("profiles", R"({"Name":"p1","CreatedBy":"mallory"})", "ann");
  EXPECT_EQ(made.at("CreatedBy"), json::value("ann"));
  EXPECT_EQ(made.at("LastModifiedBy"), json::value("ann"));
  EXPECT_EQ(get("profiles/p1").json(), made) << "the answer is what is stored";
  json::object sent = made.as_object();
  const Answer same = fixture.call("PUT", "/api/v3/profiles/p1", json::serialize(sent));
  ASSERT_EQ(same.status, 200) << same.body;
  EXPECT_EQ(same.json(), made) << "what was read can be put back, and changes nothing";
  sent["Description"] = "other";
  sent["CreatedAt"] = "2001-01-01T00:00:00Z";
  const Answer changed = fixture.call("PUT", "/api/v3/profiles/p1", json::serialize(sent));
  EXPECT_EQ(changed.json().at("CreatedBy"), json::value("ann"));
  EXPECT_EQ(changed.json().at("CreatedAt"), made.at("CreatedAt"));
  EXPECT_EQ(changed.json().at("LastModifiedBy"), json::value("root"));
  EXPECT_EQ(get("profiles/p1").body, changed.body);
  EXPECT_EQ(changed.header("ETag"), get("profiles/p1").header("ETag"));
}

TEST_F(CreationTest, StampsAreSoughtAndSortedBy) {
  fixture.authenticator.users["ann"] = {{"*", "*", "*"}};
  created("profiles", R"({"Name":"p2"})", "ann");
  const json::value last = created("profiles", R"({"Name":"p1"})");
  const auto names = [&](const std::string& query) {
    std::string out;
    const json::value profiles = get("profiles?" + query).json();
    for (const json::value& profile : profiles.as_array())
      out += std::string(profile.at("Name").as_string()) + " ";
    return out;
  };
  EXPECT_EQ(names("CreatedBy=ann"), "p2 ");
  EXPECT_EQ(names("sort=CreatedAt"), "p2 p1 ");
  EXPECT_EQ(names("sort=LastModifiedAt&reverse=true"), "p1 p2 ");
  EXPECT_EQ(names("LastModifiedAt=Gte(" + std::string(last.at("LastModifiedAt").as_string()) + ")"), "p1 ");
}

TEST_F(CreationTest, OneDeviceInAnySpelling) {
  created("machines", R"({"Name":"m1","HardwareAddrs":["52:54:00:AB:CD:EF"]})");
  for (const std::string spelling :
       {"52:54:00:ab:cd:ef", "52-54-00-AB-CD-EF", "5254.00ab.cdef", "525400ABCDEF"}) {
    EXPECT_EQ(get("machines?HardwareAddrs=" + spelling).json().as_array().size(), 1U) << spelling;
    EXPECT_EQ(get("machines?HardwareAddr=Eq(" + spelling + ")").json().as_array().size(), 1U) << spelling;
    EXPECT_EQ(get("machines?HardwareAddrs=In(x," + spelling + ")").json().as_array().size(), 1U) << spelling;
  }
  created("reservations", R"({"Addr":"10.1.2.3","Token":"52:54:00:AB:CD:EF","Strategy":"MAC"})");
  EXPECT_EQ(get("reservations?Token=52-54-00-ab-cd-ef").json().as_array().size(), 1U);
  EXPECT_EQ(get("reservations?Token=Re(00:ab)").json().as_array().size(), 1U);
  const Answer twin = fixture.call("POST", "/api/v3/reservations",
                                   R"({"Addr":"10.1.2.4","Token":"52-54-00-ab-cd-ef","Strategy":"MAC"})");
  EXPECT_EQ(twin.status, 422);
  EXPECT_EQ(twin.message(),
            "Unscoped reservation 0A010204 already has Strategy MAC: Token 52-54-00-ab-cd-ef");
}

TEST_F(CreationTest, BootEnvsThatCannotBootAreRefusedToMachines) {
  const json::value boot_env = created("bootenvs", R"({"Name":"foo","Kernel":"missing-kernel"})");
  EXPECT_EQ(boot_env.at("Available"), json::value(false));
  EXPECT_EQ(json::serialize(boot_env.at("Errors")),
            R"(["foo: bootenv: Missing OS.Name","foo: bootenv: Missing elilo or pxelinux template"])");
  const Answer machine = fixture.call("POST", "/api/v3/machines", R"({"Name":"m1","BootEnv":"foo"})");
  EXPECT_EQ(machine.status, 422);
  EXPECT_EQ(machine.message(), "BootEnv foo is not available");
  const json::value whole = created(
      "bootenvs",
      R"({"Name":"bar","Kernel":"k","OS":{"Name":"x"},"Templates":[{"Name":"ipxe","Path":"p","Contents":"c"}]})");
  EXPECT_EQ(whole.at("Available"), json::value(true)) << whole;
}

TEST_F(CreationTest, ErrorsNameTheObject) {
  EXPECT_EQ(created("stages", R"({"Name":"ss","BootEnv":"nope"})").at("Errors").at(0),
            json::value("ss: BootEnv nope does not exist"));
  EXPECT_EQ(created("workflows", R"({"Name":"ww","Stages":["s9"]})").at("Errors").at(0),
            json::value("ww: Stage s9 does not exist"));
}

TEST_F(CreationTest, ListsAreAskedForAllOfSeveral) {
  for (const std::string name : {"foo", "bar"}) created("profiles", R"({"Name":")" + name + "\"}");
  created("machines", R"({"Name":"both","Profiles":["bar","foo"],"Params":{"pa":1,"pb":2}})");
  created("machines", R"({"Name":"one","Profiles":["foo"],"Params":{"pa":1}})");
  const auto count = [&](const std::string& query) {
    return get("machines?" + query).json().as_array().size();
  };
  EXPECT_EQ(count("Profiles=Eq(foo,bar)"), 1U);
  EXPECT_EQ(count("Profiles=foo,bar"), 1U);
  EXPECT_EQ(count("Profiles=Ne(foo,bar)"), 1U);
  EXPECT_EQ(count("Profiles=Eq(foo,nope)"), 0U);
  EXPECT_EQ(count("Profiles=Eq(foo)"), 2U);
  EXPECT_EQ(count("Params=pa,pb"), 1U);
}

TEST_F(CreationTest, SlimInAnyCase) {
  created("profiles", R"({"Name":"p1","Params":{"aa":1},"Meta":{"mm":"n"}})");
  const json::value slim = get("profiles/p1?slim=params,META").json();
  EXPECT_EQ(slim.at("Partial"), json::value(true));
  EXPECT_TRUE(slim.at("Params").as_object().empty());
  EXPECT_TRUE(slim.at("Meta").as_object().empty());
}

TEST_F(CreationTest, FlagsOfIndexesAreThoseOfOtherServers) {
  const auto flag = [&](const std::string& index, std::string_view name) {
    return get("indexes/" + index).json().at(name).as_bool();
  };
  EXPECT_FALSE(flag("leases/Addr", "Unique"));
  EXPECT_FALSE(flag("reservations/Addr", "Unique"));
  EXPECT_FALSE(flag("subnets/Address", "Unordered"));
  EXPECT_FALSE(flag("subnets/ActiveAddress", "Unordered"));
  created("subnets", R"({"Name":"a-late","Subnet":"10.9.0.0/16","OnlyReservations":true})");
  created("subnets", R"({"Name":"b-early","Subnet":"10.1.0.0/16","OnlyReservations":true})");
  EXPECT_EQ(get("subnets?sort=Address").json().at(0).at("Name"), json::value("b-early"));
  EXPECT_EQ(get("bootenvs?sort=OnlyUnknown").message(), "Not sortable: OnlyUnknown");
}

TEST_F(CreationTest, AParamThatBecomesSecureSealsWhatIsStored) {
  created("params", R"({"Name":"pw","Schema":{"type":"string"}})");
  created("profiles", R"({"Name":"p1","Params":{"pw":"geheim","other":"open"}})");
  const Answer secured = fixture.call("PUT", "/api/v3/params/pw", R"({"Name":"pw","Secure":true})");
  ASSERT_EQ(secured.status, 200) << secured.body;
  const Answer shown = get("profiles/p1");
  EXPECT_EQ(shown.body.find("geheim"), std::string::npos);
  EXPECT_TRUE(shown.json().at("Params").at("pw").as_object().contains("Payload"));
  EXPECT_EQ(shown.json().at("Params").at("other"), json::value("open"));
  EXPECT_EQ(get("profiles/p1/params/pw?decode=true").body, R"("geheim")");
}

TEST_F(CreationTest, AParamThatBecomesSecureSealsValuesOfVersionSets) {
  created("params", R"({"Name":"pw"})");
  created(
      "version_sets",
      R"({"Id":"vs","Global":{"pw":"geheim"},"Plugins":[{"Name":"x","Provider":"x","Params":{"pw":"geheim"}}]})");
  ASSERT_EQ(fixture.call("PUT", "/api/v3/params/pw", R"({"Name":"pw","Secure":true})").status, 200);
  const Answer shown = get("version_sets/vs");
  EXPECT_EQ(shown.body.find("geheim"), std::string::npos) << shown.body;
  EXPECT_TRUE(shown.json().at("Global").at("pw").as_object().contains("Payload"));
}

TEST_F(CreationTest, EveryChangeThatMayMakeAParamSecureSeals) {
  while (fixture.layers.seals == 0) std::this_thread::yield();  // what an earlier process left, at the start
  const auto seals = [this](const char* method, const char* path, const char* body) {
    const int before = fixture.layers.seals;
    EXPECT_LT(fixture.call(method, std::string("/api/v3/") + path, body).status, 300) << path;
    return fixture.layers.seals - before;
  };
  EXPECT_EQ(seals("POST", "params", R"({"Name":"pw"})"), 0);
  EXPECT_EQ(seals("PATCH", "params/pw", R"([{"op":"replace","path":"/Secure","value":true}])"), 1);
  EXPECT_EQ(seals("DELETE", "params/pw", ""), 1) << "another one of its name may show again";
  EXPECT_EQ(seals("POST", "contents", R"({"meta":{"Name":"x"}})"), 1);
  EXPECT_EQ(seals("DELETE", "contents/x", ""), 1);
}

TEST_F(CreationTest, KeysThatAreNoAddressesStayAsTheyWereWritten) {
  EXPECT_EQ(get("leases/foo").json().at("Key"), json::value("foo"));
  EXPECT_EQ(get("leases/c0a80001").json().at("Key"), json::value("C0A80001")) << "one is an address";
}

}  // namespace
}  // namespace mullion::api
