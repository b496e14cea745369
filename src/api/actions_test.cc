#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/internal/action_params.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using ::testing::ElementsAre;
using testing::Fixture;
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::string_view kActingMachine = "5d0f0d7a-0000-4000-8000-000000000001";

plugins::OfferedAction offer(const std::string& plugin, const std::string& model, const std::string& command,
                             std::vector<std::string> required = {}, std::vector<std::string> optional = {}) {
  return {plugin, {"provider-of-" + plugin, model, command, std::move(required), std::move(optional)}};
}

class ActionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fixture_.put_raw("params", "", "step", R"({"Name":"step","Schema":{"type":"integer","default":7}})");
    fixture_.put_raw("params", "", "count", R"({"Name":"count","Schema":{"type":"integer"}})");
    fixture_.put_raw("profiles", "", "global", R"({"Name":"global","Params":{"from-global":"g"}})");
    fixture_.put_raw("profiles", "", "p", R"({"Name":"p","Params":{"from-profile":1}})");
    fixture_.put_raw(
        "machines", "", std::string(kActingMachine),
        R"({"Uuid":"5d0f0d7a-0000-4000-8000-000000000001","Name":"m","Profiles":["p"],"Params":{"own":"o"}})");
  }
  std::string path(const std::string& rest) {
    return "/api/v3/machines/" + std::string(kActingMachine) + rest;
  }
  json::value params() { return fixture_.providers.runs.back().second.at("Params"); }

  Fixture fixture_;
};

TEST_F(ActionsTest, ListsThoseWhoseParametersAreThere) {
  fixture_.providers.offers = {offer("a", "machines", "go"),
                               offer("a", "machines", "needs", {"own"}),
                               offer("a", "machines", "far", {"from-profile", "from-global"}),
                               offer("a", "machines", "default", {"step"}),
                               offer("a", "machines", "never", {"absent"}),
                               offer("a", "profiles", "other")};
  const Answer answer = fixture_.call("GET", path("/actions"));
  ASSERT_EQ(answer.status, 200);
  std::vector<std::string> commands;
  const json::value listed = answer.json();
  for (const json::value& action : listed.as_array()) commands.emplace_back(action.at("Command").as_string());
  EXPECT_THAT(commands, ElementsAre("go", "needs", "far", "default"));
  EXPECT_EQ(answer.json().at(0), json::parse(R"({"Provider":"provider-of-a","Model":"machines","Command":"go",
      "RequiredParams":[],"OptionalParams":[]})"));
}

TEST_F(ActionsTest, ShowsOneOrSaysWhyNot) {
  fixture_.providers.offers = {offer("a", "machines", "go"), offer("a", "machines", "never", {"absent"})};
  EXPECT_EQ(fixture_.call("GET", path("/actions/go")).status, 200);
  const Answer missing = fixture_.call("GET", path("/actions/never"));
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.message(), "Action never Missing Parameter absent");
  const Answer unknown = fixture_.call("GET", path("/actions/command"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.message(), "command: Not Found");
  EXPECT_EQ(unknown.json().at("Type"), "GET");
}

TEST_F(ActionsTest, PluginChoosesAmongSeveral) {
  fixture_.providers.offers = {offer("a", "machines", "go"), offer("b", "machines", "go")};
  EXPECT_EQ(fixture_.call("POST", path("/actions/go"), "{}").status, 200);
  EXPECT_EQ(fixture_.providers.runs.back().first, "a");
  EXPECT_EQ(fixture_.call("POST", path("/actions/go?plugin=b"), "{}").status, 200);
  EXPECT_EQ(fixture_.providers.runs.back().first, "b");
  EXPECT_EQ(fixture_.call("POST", path("/actions/go?plugin=c"), "{}").status, 404);
}

TEST_F(ActionsTest, ParametersComeFromCallThenObjectThenDefault) {
  fixture_.providers.offers = {offer("a", "machines", "go", {"own"}, {"step", "from-profile", "absent"})};
  ASSERT_EQ(fixture_.call("POST", path("/actions/go")).status, 200);
  EXPECT_EQ(params(), json::parse(R"({"own":"o","step":7,"from-profile":1})"));
  ASSERT_EQ(fixture_.call("POST", path("/actions/go"), R"({"own":"mine","step":2,"more":true})").status, 200);
  EXPECT_EQ(params(), json::parse(R"({"own":"mine","step":2,"more":true,"from-profile":1})"));
  const json::value action = fixture_.providers.runs.back().second;
  EXPECT_EQ(action.at("Model").at("Name"), "m");
  EXPECT_EQ(action.at("Plugin"), "a");
  EXPECT_EQ(action.at("Command"), "go");
}

TEST_F(ActionsTest, BadParametersAreRefusedBeforeThePluginSeesThem) {
  fixture_.providers.offers = {offer("a", "machines", "increment", {"count"}, {"step"})};
  const Answer missing = fixture_.call("POST", path("/actions/increment"), "{}");
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.message(), "Action increment Missing Parameter count");
  EXPECT_EQ(missing.json().at("Type"), "INVOKE");
  EXPECT_EQ(missing.json().at("Key").as_string(), kActingMachine);
  const Answer invalid = fixture_.call("POST", path("/actions/increment"), R"({"count":1,"step":"x"})");
  EXPECT_EQ(invalid.status, 422);
  EXPECT_EQ(
      invalid.message(),
      "Action increment: Invalid Parameter: step: : (root): Invalid type. Expected: integer, given: string");
  EXPECT_EQ(fixture_.call("POST", path("/actions/increment"), "[]").status, 400);
  EXPECT_EQ(fixture_.call("POST", path("/actions/increment"), "{").status, 400);
  EXPECT_THAT(fixture_.providers.runs, SizeIs(0));
}

TEST_F(ActionsTest, UnknownActionsHaveTheContractsTexts) {
  const Answer machine = fixture_.call("POST", path("/actions/command"), "{}");
  EXPECT_EQ(machine.status, 404);
  EXPECT_EQ(machine.message(), "Action command on machines: Not Found");
  const Answer system = fixture_.call("POST", "/api/v3/system/actions/command", "{}");
  EXPECT_EQ(system.status, 404);
  EXPECT_EQ(system.json(), json::parse(R"({"Model":"system","Key":"global","Type":"INVOKE","Code":404,
      "Messages":["Action command on system: Not Found"]})"));
}

TEST_F(ActionsTest, SystemActionsSeeTheGlobalProfile) {
  fixture_.providers.offers = {offer("a", "", "count", {"from-global"})};
  EXPECT_THAT(fixture_.call("GET", "/api/v3/system/actions").json().as_array(), SizeIs(1));
  ASSERT_EQ(fixture_.call("POST", "/api/v3/system/actions/count", "{}").status, 200);
  EXPECT_EQ(params(), json::parse(R"({"from-global":"g"})"));
  EXPECT_TRUE(fixture_.providers.runs.back().second.at("Model").is_null());
}

TEST_F(ActionsTest, SystemActionsSeeNoGlobalProfileThatATenantHides) {
  fixture_.providers.offers = {offer("a", "", "count", {"from-global"}), offer("a", "", "any")};
  fixture_.put_raw("tenants", "", "t", R"({"Name":"t","Members":{"profiles":[]},"Users":["bob"]})");
  fixture_.authenticator.users["bob"] = {{"*", "*", "*"}};
  EXPECT_THAT(fixture_.call("GET", "/api/v3/system/actions", "", "bob").json().as_array(), SizeIs(1));
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/actions/count", "{}", "bob").status, 422);
  ASSERT_EQ(fixture_.call("POST", "/api/v3/system/actions/any", "{}", "bob").status, 200);
  EXPECT_EQ(params(), json::parse("{}"));
}

TEST_F(ActionsTest, ErrorsOfThePluginPassThrough) {
  fixture_.providers.offers = {offer("a", "machines", "go")};
  Error error(ErrorCode::kInternal, "", "things", "k", {"no luck"});
  error.status_override = 418;
  fixture_.providers.answer = error;
  const Answer answer = fixture_.call("POST", path("/actions/go"), "{}");
  EXPECT_EQ(answer.status, 418);
  EXPECT_EQ(answer.json(),
            json::parse(R"({"Model":"things","Key":"k","Type":"INVOKE","Code":418,"Messages":["no luck"]})"));
}

class ManagerActionsTest : public ActionsTest {
 protected:
  void SetUp() override {
    ActionsTest::SetUp();
    ASSERT_EQ(fixture_.call("POST", "/api/v3/prefs", R"({"manager":"true"})").status, 201);
    ASSERT_TRUE(
        env::eventually([&] { return fixture_.call("GET", "/api/v3/plugins/manager").status == 200; }));
  }
  Answer run(const std::string& command, const std::string& body = "{}", const std::string& user = "root") {
    return fixture_.call("POST", "/api/v3/plugins/manager/actions/" + command, body, user);
  }
};

TEST_F(ManagerActionsTest, AreOffered) {
  const Answer answer = fixture_.call("GET", "/api/v3/plugins/manager/actions");
  std::vector<std::string> commands;
  const json::value actions = answer.json();
  for (const json::value& action : actions.as_array()) {
    commands.emplace_back(action.at("Command").as_string());
    EXPECT_EQ(action.at("Provider"), "manager");
    EXPECT_EQ(action.at("Model"), "plugins");
  }
  EXPECT_THAT(commands, ElementsAre("addEndpoint", "buildCatalog", "collectCatalog", "showCatalog"));
  EXPECT_EQ(fixture_.call("GET", "/api/v3/plugins/manager/actions/buildCatalog").json().at("Command"),
            "buildCatalog");
}

TEST_F(ManagerActionsTest, BuildTheCatalog) {
  for (const char* path :
       {"/api/v3/plugins/manager/actions/buildCatalog", "/api/v3/plugins/manager/buildCatalog"}) {
    const Answer answer = fixture_.call("POST", path, "");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json(), json::parse(R"({"Version":"1.0.1","Changed":true,"Items":3,"Files":2,"Read":1,
                                             "Warnings":["x: not an item"]})"));
  }
  EXPECT_THAT(fixture_.catalog.builders, SizeIs(2));
  EXPECT_EQ(run("showCatalog").json().at("sections").at("catalog_items").at("a-v1").at("Name"), "a");
  EXPECT_EQ(run("showCatalog").json().at("problems").at(0), "http://gone: refused");
}

TEST_F(ManagerActionsTest, NeedRights) {
  fixture_.authenticator.users["builder"] = {{"plugins", "action:buildCatalog", "manager"}};
  EXPECT_EQ(run("buildCatalog", "{}", "builder").status, 200);
  for (const char* command : {"collectCatalog", "showCatalog", "addEndpoint"}) {
    EXPECT_EQ(run(command, "{}", "builder").status, 403) << command;
  }
  EXPECT_EQ(run("buildCatalog", "{}", "nobody").status, 403);
}

TEST_F(ManagerActionsTest, CollectWhatNobodyNeeds) {
  fixture_.put_raw(
      "version_sets", "", "base",
      R"({"Id":"base","DRPVersion":"stable","Components":[{"Name":"a","Version":"v1","ActualVersion":"v1",
                       "Type":"ContentPackage"}]})");
  fixture_.put_raw(
      "endpoints", "", "A",
      R"({"Id":"A","Actions":[{"Name":"","Version":"stable","ActualVersion":"v4","Type":"DRPUX"}]})");
  fixture_.catalog.collection.unused = {{"b-v1", {"b/v1.json"}, 7, {}}};
  fixture_.catalog.collection.kept = {{"a-v1", {"a/v1.json"}, 5, {"version_sets/base"}}};
  const Answer trial = run("collectCatalog", R"({"dry_run":true})");
  EXPECT_EQ(trial.json(), json::parse(R"({"DryRun":true,
      "Removed":[{"Id":"b-v1","Bytes":7,"Paths":["b/v1.json"],"UsedBy":[]}],
      "Kept":[{"Id":"a-v1","Bytes":5,"Paths":["a/v1.json"],"UsedBy":["version_sets/base"]}]})"));
  EXPECT_TRUE(fixture_.catalog.removed.empty());
  EXPECT_THAT(fixture_.catalog.needed, SizeIs(5));
  EXPECT_EQ(run("collectCatalog").json().at("Catalog").at("Version"), "1.0.1");
  EXPECT_THAT(fixture_.catalog.removed, ElementsAre("b-v1"));
  EXPECT_EQ(run("collectCatalog", R"({"dry_run":7})").status, 400);
}

// A flag that is spelt wrong must not be read as one that is not there.
TEST_F(ManagerActionsTest, RefuseParametersThatTheyDoNotKnow) {
  fixture_.catalog.collection.unused = {{"b-v1", {"b/v1.json"}, 7, {}}};
  const Answer answer = run("collectCatalog", R"({"dryRun":true})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.json().at("Messages").at(0), "Action collectCatalog has no parameter dryRun");
  EXPECT_TRUE(fixture_.catalog.removed.empty());
  EXPECT_EQ(run("buildCatalog", R"({"force":true})").status, 400);
  EXPECT_EQ(run("showCatalog", "[]").status, 400);
  EXPECT_EQ(run("showCatalog", "null").status, 200);
  EXPECT_THAT(fixture_.catalog.builders, ::testing::IsEmpty());
}

TEST_F(ActionsTest, PluginsHearOfOwnObjectsOnly) {
  fixture_.providers.publishes = true;
  fixture_.put_raw("machines", "A", "5d0f0d7a-0000-4000-8000-000000000002", R"({"Name":"far"})");
  fixture_.put_raw("machines", "", "5d0f0d7a-0000-4000-8000-000000000003", R"({"Name":"near"})");
  std::vector<std::string> created;
  ASSERT_TRUE(env::eventually([&] {
    created = fixture_.providers.events();
    std::erase_if(created, [](const std::string& event) {
      const bool ours = event.find("near") != event.npos || event.find("far") != event.npos;
      return !ours || event.find(R"("Type":"machines","Action":"create")") == event.npos;
    });
    return !created.empty();
  }));
  ASSERT_THAT(created, SizeIs(1)) << "what came before the last one is told before it";
  EXPECT_THAT(created.front(), HasSubstr("near"));
}

TEST_F(ActionsTest, CollectionsOfPluginsAreLikeAnyOther) {
  fixture_.store->types().declare(
      "sizes", json::parse(R"({"Spotted":{"type":"boolean","isrequired":true},"Weight":{"type":"number"}})")
                   .as_object());
  const auto post = [this](const std::string& body) { return fixture_.call("POST", "/api/v3/sizes", body); };
  const Answer missing = post(R"({"Id":"a"})");
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.message(), "Error in value: (root): Spotted is required");
  EXPECT_EQ(post(R"({"Id":"a","Spotted":"x"})").message(),
            "Error in value: Spotted: Invalid type. Expected: boolean, given: string");
  EXPECT_EQ(post(R"({"Spotted":true})").message(), "Empty key not allowed");
  EXPECT_EQ(post(R"({"Id":"a","Type":"other","Spotted":true})").status, 422);
  ASSERT_EQ(post(R"({"Id":"a","Spotted":true,"Weight":10,"zebra":{"b":1}})").status, 201);
  ASSERT_EQ(post(R"({"Id":"b","Spotted":false,"Weight":9.5})").status, 201);
  const json::value shown = fixture_.call("GET", "/api/v3/sizes/a").json();
  EXPECT_EQ(shown.at("Type"), "sizes");
  EXPECT_EQ(shown.at("zebra").at("b"), 1) << "members beside the schema are kept";
  EXPECT_EQ(shown.at("Available"), false) << "nobody judges what only a plugin knows";
  const auto count = [this](const std::string& query) {
    return fixture_.call("GET", "/api/v3/sizes?" + query).json().as_array().size();
  };
  EXPECT_EQ(count("Spotted=true"), 1U);
  EXPECT_EQ(count("Weight=Lt(9.6)"), 1U);
  EXPECT_EQ(count("Weight=Gte(9.5)"), 2U);
  EXPECT_EQ(fixture_.call("GET", "/api/v3/sizes?Weight=fat").status, 406);
  EXPECT_EQ(fixture_.call("GET", "/api/v3/sizes?sort=Weight").json().at(0).at("Id"), "b");
  EXPECT_EQ(fixture_.call("GET", "/api/v3/indexes/sizes/Weight").json().at("Type"), "number");
  EXPECT_EQ(
      fixture_.call("PATCH", "/api/v3/sizes/a", R"([{"op":"replace","path":"/Spotted","value":3}])").status,
      422);
  EXPECT_EQ(fixture_.call("PATCH", "/api/v3/sizes/a", R"([{"op":"remove","path":"/zebra"}])").status, 200);
  EXPECT_FALSE(fixture_.call("GET", "/api/v3/sizes/a").json().as_object().contains("zebra"));
  EXPECT_EQ(fixture_.call("POST", "/api/v3/sizes/a/params/extra", "5").status, 200);
  EXPECT_THAT(fixture_.call("GET", "/api/v3/objects").body, HasSubstr(R"("sizes")"));
  EXPECT_EQ(
      fixture_.call("GET", "/api/v3/info").json().at("scopes").at("sizes").as_object().count("getSecure"),
      1U);
  EXPECT_EQ(
      fixture_
          .call("POST", "/api/v3/roles",
                R"({"Name":"sizer","Claims":[{"scope":"sizes","action":"list,getSecure","specific":"*"}]})")
          .status,
      201);
  // A new schema makes new indexes; a withdrawn collection can be read, not written.
  fixture_.store->types().declare("sizes", json::parse(R"({"Colour":{"type":"string"}})").as_object());
  EXPECT_EQ(post(R"({"Id":"c","Colour":"red"})").status, 201);
  EXPECT_EQ(count("Colour=red"), 1U);
  fixture_.store->types().withdraw("sizes");
  EXPECT_EQ(post(R"({"Id":"d"})").status, 404);
  EXPECT_EQ(fixture_.call("GET", "/api/v3/sizes/c").status, 200);
}

}  // namespace
}  // namespace mullion::api
