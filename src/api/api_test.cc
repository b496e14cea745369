// CRUD, key rules, forwarding, rights and error shapes through the whole dispatcher, without sockets.
#include "api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/waiting_testing.h"
#include "model/messages.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;

constexpr const char* kUuid = "11111111-2222-4333-8444-555555555555";

class ApiTest : public ::testing::Test {
 protected:
  Fixture fixture;
  Answer create_profile(const std::string& name) {
    return fixture.call("POST", "/api/v3/profiles", R"({"Name":")" + name + "\"}");
  }
};

TEST_F(ApiTest, UnknownRouteHasTheContractsShape) {
  const Answer answer = fixture.call("GET", "/api/v3/john");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body,
            R"({"Model":"/api/v3/john","Key":"","Type":"GET","Messages":["No route"],"Code":404})");
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
}

TEST_F(ApiTest, WithoutCredentialsEverythingButTheFrontPageIsRefused) {
  const Answer answer = fixture.call("GET", "/api/v3/info", "", "");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.json().at("Type"), "AUTH");
  EXPECT_FALSE(answer.header("WWW-Authenticate").empty());
  EXPECT_EQ(fixture.call("GET", "/api/v3/nonsense", "", "").status, 401);
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/info", "", "").status, 401);
  EXPECT_EQ(fixture.call("GET", "/", "", "").status, 200);
}

TEST_F(ApiTest, ARefusedTokenIsNotAnsweredByAChallengeForAPassword) {
  const auto challenge = [&](const std::string& authorization) {
    return fixture.call("GET", "/api/v3/info", "", "", {{"Authorization", authorization}})
        .header("WWW-Authenticate");
  };
  EXPECT_TRUE(challenge("Bearer bad").starts_with("Bearer ")) << challenge("Bearer bad");
  EXPECT_TRUE(challenge("bearer bad").starts_with("Bearer "));
  EXPECT_TRUE(challenge("Basic bad").starts_with("Basic "));
  EXPECT_TRUE(challenge("Bearerless").starts_with("Basic "));
}

TEST_F(ApiTest, CreateGetListCountDelete) {
  const Answer created = create_profile("p1");
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_TRUE(created.header("X-Mullion-Commit").starts_with("M1 "));
  const Answer got = fixture.call("GET", "/api/v3/profiles/p1");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, created.body);
  EXPECT_EQ(got.json().at("Endpoint"), "");
  EXPECT_EQ(got.json().at("Validated"), true);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/Name:p1").body, created.body);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles").json().as_array().size(), 1U);
  const Answer counted = fixture.call("HEAD", "/api/v3/profiles?Name=p2");
  EXPECT_EQ(counted.header("X-DRP-LIST-FILTER-COUNT"), "0");
  EXPECT_EQ(counted.header("X-DRP-LIST-TOTAL-COUNT"), "1");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/profiles/p1").status, 200);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles").body, "[]");
  const Answer gone = fixture.call("GET", "/api/v3/profiles/p1");
  EXPECT_EQ(gone.body, R"({"Model":"profiles","Key":"p1","Type":"GET","Messages":["Not Found"],"Code":404})");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/profiles/p1").json().at("Type"), "DELETE");
}

TEST_F(ApiTest, CreateTwiceIsRefused) {
  create_profile("p1");
  const Answer again = create_profile("p1");
  EXPECT_EQ(again.body,
            R"({"Model":"profiles","Key":"p1","Type":"CREATE","Messages":["already exists"],"Code":409})");
}

TEST_F(ApiTest, BadBodies) {
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", "{").status, 400);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", "[]").status, 400);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", "").status, 400);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", "{}").json().at("Type"), "CREATE");
  const Answer typed =
      fixture.call("POST", "/api/v3/profiles", "{}", "root", {{"Content-Type", "text/plain"}});
  EXPECT_EQ(typed.status, 400);
  EXPECT_EQ(typed.message(), "Invalid content type: text/plain");
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", std::string(200, '[')).status, 400);
}

TEST(ApiLimits, LargeBodiesAreRefused) {
  Fixture fixture(Limits{.body_bytes = 100});
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", std::string(101, ' ')).status, 413);
}

TEST_F(ApiTest, PatchChangesTestsAndConflicts) {
  create_profile("p1");
  const Answer changed = fixture.call(
      "PATCH", "/api/v3/profiles/p1",
      R"([{"op":"test","path":"/Description","from":"","value":""},{"op":"replace","path":"/Description","from":"","value":"new"}])");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json().at("Description"), "new");
  EXPECT_EQ(fixture.call("PATCH", "/api/v3/profiles/p1", "[]").body, changed.body);
  const Answer conflict = fixture.call("PATCH", "/api/v3/profiles/p1",
                                       R"([{"op":"test","path":"/Description","from":"","value":"other"}])");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.json().at("Model"), "profiles");
  EXPECT_EQ(conflict.json().at("Key"), "p1");
  EXPECT_EQ(fixture.call("PATCH", "/api/v3/profiles/Name:p1", R"([{"op":"test","path":"/Name","value":"x"}])")
                .json()
                .at("Key"),
            "p1");
  EXPECT_EQ(conflict.json().at("Type"), "PATCH");
  EXPECT_EQ(conflict.message(), "Patch error at line 0: Test op failed.");
  EXPECT_EQ(conflict.json().at("Messages").at(1).as_string(),
            "Patch: [\n  {\n    \"op\": \"test\",\n    \"path\": \"/Description\",\n    \"from\": \"\",\n"
            "    \"value\": \"other\"\n  }\n]");
  EXPECT_EQ(fixture.call("PATCH", "/api/v3/profiles/nobody", "[]").json().at("Type"), "PATCH");
}

TEST_F(ApiTest, PatchMayTestTheObjectAsShown) {
  const std::string shown = create_profile("p1").body;
  const Answer answer = fixture.call("PATCH", "/api/v3/profiles/p1",
                                     R"([{"op":"test","path":"","from":"","value":)" + shown + "}]");
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(ApiTest, PutReplacesAndKeepsTheKey) {
  create_profile("p1");
  EXPECT_EQ(fixture.call("PUT", "/api/v3/profiles/p1", R"({"Name":"p1","Description":"d"})")
                .json()
                .at("Description"),
            "d");
  EXPECT_EQ(fixture.call("PUT", "/api/v3/profiles/p1", R"({"Name":"p2"})").status, 400);
  EXPECT_EQ(fixture.call("PUT", "/api/v3/profiles/p9", R"({"Name":"p9"})").status, 404);
}

TEST_F(ApiTest, EtagFollowsTheObjectAndAnswers304) {
  create_profile("p1");
  const std::string etag = fixture.call("GET", "/api/v3/profiles/p1").header("ETag");
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/profiles/p1").header("ETag"), etag);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1", "", "root", {{"If-None-Match", etag}}).status, 304);
  fixture.call("POST", "/api/v3/profiles/p1/params/aa", "1");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1", "", "root", {{"If-None-Match", etag}}).status, 200);
}

TEST_F(ApiTest, LongPollWakesOnChange) {
  create_profile("p1");
  const std::string etag = fixture.call("GET", "/api/v3/profiles/p1").header("ETag");
  std::thread writer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    fixture.call("POST", "/api/v3/profiles/p1/params/aa", "1");
  });
  const Answer answer = fixture.call("GET", "/api/v3/profiles/p1", "", "root",
                                     {{"If-None-Match", etag}, {"Prefer", "wait=20"}});
  writer.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.header("ETag"), etag);
  const Answer quiet = fixture.call("GET", "/api/v3/profiles/p1", "", "root",
                                    {{"If-None-Match", answer.header("ETag")}, {"Prefer", "wait=30ms"}});
  EXPECT_EQ(quiet.status, 304);
}

TEST_F(ApiTest, ParamsAndMeta) {
  create_profile("p1");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/params/aa/bb").body, "null");
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/p1/params/aa/bb", "[1]").body, "[1]");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/params").body, R"({"aa/bb":[1]})");
  EXPECT_EQ(
      fixture.call("PATCH", "/api/v3/profiles/p1/params", R"([{"op":"add","path":"/xx","value":2}])").status,
      200);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/profiles/p1/params/aa/bb").body, "[1]");
  const Answer gone = fixture.call("DELETE", "/api/v3/profiles/p1/params/aa/bb");
  EXPECT_EQ(gone.body,
            R"({"Model":"params","Key":"aa/bb","Type":"DELETE","Messages":["Not Found"],"Code":404})");
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/p1/params", R"({"only":true})").body, R"({"only":true})");
  EXPECT_EQ(
      fixture.call("PATCH", "/api/v3/meta/profiles/p1", R"([{"op":"add","path":"/color","value":"red"}])")
          .body,
      R"({"color":"red"})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/meta/profiles/p1").body, R"({"color":"red"})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles?slim=Params,Meta").json().at(0).at("Params"),
            boost::json::object());
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1?params=other").json().at("Params"),
            boost::json::object());
}

TEST_F(ApiTest, SecureParamsAreSealedAndOpened) {
  ASSERT_EQ(
      fixture.call("POST", "/api/v3/params", R"({"Name":"pw","Secure":true,"Schema":{"type":"string"}})")
          .status,
      201);
  create_profile("p1");
  const Answer sealed = fixture.call("POST", "/api/v3/profiles/p1/params/pw", R"("geheim")");
  ASSERT_EQ(sealed.status, 200) << sealed.body;
  EXPECT_TRUE(sealed.json().as_object().contains("Payload"));
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1").body.find("geheim"), std::string::npos);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/params/pw?decode=true").body, R"("geheim")");
  const Answer wrong = fixture.call("POST", "/api/v3/profiles/p1/params/pw", "5");
  EXPECT_EQ(wrong.status, 422);
  fixture.authenticator.users["reader"] = {{"profiles", "get", "*"}};
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/params/pw?decode=true", "", "reader").status, 403);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/pubkey", "", "reader").status, 403);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/pubkey").json().as_string().size(), 44U);
}

TEST_F(ApiTest, AggregatedSecretsAreOpenedWithTheKeyOfTheirHolder) {
  fixture.call("POST", "/api/v3/params", R"({"Name":"pw","Secure":true,"Schema":{"type":"string"}})");
  create_profile("inner");
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles/inner/params/pw", R"("geheim")").status, 200);
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"outer","Profiles":["inner"]})").status, 201);
  const std::string outer = "/api/v3/profiles/outer";
  EXPECT_EQ(fixture.call("GET", outer + "/params/pw?aggregate=true&decode=true").body, R"("geheim")");
  EXPECT_EQ(fixture.call("GET", outer + "/params?aggregate=true&decode=true").json().at("pw"), "geheim");
  EXPECT_EQ(fixture.call("GET", outer + "?aggregate=true&decode=true").json().at("Params").at("pw"),
            "geheim");
  EXPECT_EQ(fixture.call("GET", outer + "/params/pw?aggregate=true").body.find("geheim"), std::string::npos);
  EXPECT_EQ(fixture.call("GET", outer + "/params/pw").body, "null");
}

TEST_F(ApiTest, ComposeJoinsAllLevels) {
  const auto create = [this](const char* text) {
    return fixture.call("POST", "/api/v3/profiles", text).status;
  };
  ASSERT_EQ(create(R"({"Name":"inner","Params":{"list":[3],"map":{"a":0,"b":{"y":2}},"one":7}})"), 201);
  ASSERT_EQ(create(R"({"Name":"outer","Profiles":["inner"],
                       "Params":{"list":[1,2],"map":{"a":1,"b":{"x":1}},"one":8.5}})"),
            201);
  const std::string params = "/api/v3/profiles/outer/params/";
  EXPECT_EQ(fixture.call("GET", params + "list?aggregate=true&compose=true").body, "[1,2,3]");
  EXPECT_EQ(fixture.call("GET", params + "map?aggregate=true&compose=true").body,
            R"({"a":1,"b":{"x":1,"y":2}})");
  EXPECT_EQ(fixture.call("GET", params + "one?aggregate=true&compose=true").body, "8.5");
  EXPECT_EQ(fixture.call("GET", params + "list?aggregate=true").body, "[1,2]");
}

TEST_F(ApiTest, AddressesAreNamedInHex) {
  const Answer absent = fixture.call("GET", "/api/v3/reservations/192.168.100.100");
  EXPECT_EQ(absent.body,
            R"({"Model":"reservations","Key":"C0A86464","Type":"GET","Messages":["Not Found"],"Code":404})");
}

TEST_F(ApiTest, InterfacesAreCountedAndHaveEtags) {
  const Answer list = fixture.call("GET", "/api/v3/interfaces");
  const std::string count = std::to_string(list.json().as_array().size());
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/interfaces").header("X-DRP-LIST-FILTER-COUNT"), count);
  EXPECT_NE(fixture.call("HEAD", "/api/v3/interfaces/lo").header("ETag"), "");
  EXPECT_EQ(fixture.call("GET", "/api/v3/interfaces/none0").message(), "No interface");
}

TEST_F(ApiTest, PostedEvents) {
  EXPECT_EQ(fixture.call("POST", "/api/v3/events", R"({"Type":"beeblebrox","Action":"created"})").status,
            204);
  EXPECT_EQ(fixture.call("POST", "/api/v3/events", R"({"Type":"beeblebrox"})").status, 400);
  EXPECT_EQ(fixture.call("POST", "/api/v3/events", R"({"Type":"websocket","Action":"register"})").status, 400)
      << "acknowledgements are counted by clients";
}

TEST_F(ApiTest, CountsOfHead) {
  create_profile("p1");
  create_profile("p2");
  const Answer all = fixture.call("HEAD", "/api/v3/profiles?limit=1");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.header("X-DRP-LIST-FILTER-COUNT"), "2");
  const Answer some = fixture.call("HEAD", "/api/v3/profiles?Name=p1");
  EXPECT_EQ(some.header("X-DRP-LIST-FILTER-COUNT"), "1");
  EXPECT_EQ(some.header("X-DRP-LIST-TOTAL-COUNT"), "2");
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/profiles?offset=-1").status, 406);
}

TEST_F(ApiTest, ParamValuesAreChecked) {
  fixture.call("POST", "/api/v3/params", R"({"Name":"text","Schema":{"type":"string"}})");
  create_profile("p1");
  const Answer answer = fixture.call("POST", "/api/v3/profiles/p1/params/text", "[5]");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.json().at("Type"), "POST");
  EXPECT_EQ(answer.json().at("Key"), "p1");
  EXPECT_EQ(answer.message(),
            "Key 'text': invalid val '[5]': : (root): Invalid type. Expected: string, given: array");
}

TEST_F(ApiTest, RightsOfReadersWritersAndNobody) {
  create_profile("p1");
  create_profile("p2");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles", "", "nobody").body, "[]");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1", "", "nobody").status, 404);
  const Answer hidden = fixture.call("DELETE", "/api/v3/profiles/p1?force=true", "", "nobody");
  EXPECT_EQ(hidden.status, 404) << "what may not be read does not exist";
  EXPECT_EQ(hidden.message(), "Not Found");
  fixture.authenticator.users["some"] = {{"profiles", "list", ""}, {"profiles", "get", "p2"}};
  const Answer refused = fixture.call("DELETE", "/api/v3/profiles/p2?force=true", "", "some");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json().at("Type"), "AUTH");
  EXPECT_EQ(refused.message(), "Cannot access /api/v3/profiles/p2?force=true");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles", "", "some").json().as_array().size(), 1U);
}

TEST_F(ApiTest, RightsToSingleFields) {
  create_profile("p1");
  fixture.authenticator.users["editor"] = {{"profiles", "get", "*"},
                                           {"profiles", "update:/Description", "*"},
                                           {"profiles", "update:/Params/aa", "*"}};
  EXPECT_EQ(fixture
                .call("PATCH", "/api/v3/profiles/p1",
                      R"([{"op":"replace","path":"/Description","value":"x"}])", "editor")
                .status,
            200);
  EXPECT_EQ(fixture
                .call("PATCH", "/api/v3/profiles/p1",
                      R"([{"op":"replace","path":"/Documentation","value":"x"}])", "editor")
                .status,
            403);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/p1/params/aa", "1", "editor").status, 200);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/p1/params/bb", "1", "editor").status, 403);
}

TEST_F(ApiTest, KeyRulesAtAManager) {
  fixture.manager.known = {
      {"A", {.owner = "A", .in_touch = true}},
      {"B", {.owner = "B", .age_seconds = 7.2, .resolution_seconds = 6, .in_touch = false}}};
  fixture.put_raw("profiles", "A", "shared", R"({"Name":"shared"})");
  const Answer single = fixture.call("GET", "/api/v3/profiles/shared");
  EXPECT_EQ(single.json().at("Endpoint"), "A");
  EXPECT_EQ(single.header("X-Mullion-Age"), "0");
  fixture.put_raw("profiles", "B", "shared", R"({"Name":"shared"})");
  const Answer ambiguous = fixture.call("GET", "/api/v3/profiles/shared");
  EXPECT_EQ(ambiguous.status, 409);
  EXPECT_NE(ambiguous.body.find("/A/api/v3/profiles/shared"), std::string::npos);
  EXPECT_NE(ambiguous.body.find("/B/api/v3/profiles/shared"), std::string::npos);
  create_profile("shared");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/shared").json().at("Endpoint"), "");
  const Answer list = fixture.call("GET", "/api/v3/profiles");
  EXPECT_EQ(list.json().as_array().size(), 3U);
  EXPECT_EQ(list.header("X-Mullion-Age"), "8");
  EXPECT_EQ(list.header("X-Mullion-Stale"), "B;age=8");
  const Answer demanding = fixture.call("GET", "/api/v3/profiles", "", "root", {{"X-Mullion-Max-Age", "5"}});
  EXPECT_EQ(demanding.status, 503);
  EXPECT_NE(demanding.message().find("B is 8 s old"), std::string::npos);
  EXPECT_NE(demanding.message().find("below 6 is finer than what can be known"), std::string::npos);
  const Answer coarser = fixture.call("GET", "/api/v3/profiles", "", "root", {{"X-Mullion-Max-Age", "6"}});
  EXPECT_EQ(coarser.status, 503);
  EXPECT_EQ(coarser.message().find("finer"), std::string::npos) << "it could be met, but is not now";
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/nowhere").status, 404);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/nowhere", "", "root", {{"X-Mullion-Max-Age", "6"}}).status,
            503)
      << "B may have it by now";
  EXPECT_EQ(
      fixture.call("GET", "/api/v3/profiles?Endpoint=A", "", "root", {{"X-Mullion-Max-Age", "5"}}).status,
      200);
  fixture.store->show_replicas(false);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles").json().as_array().size(), 1U);
}

TEST_F(ApiTest, AnAgeThatNobodyTellsMeetsNoDemand) {
  fixture.manager.known = {{"A", {.owner = "A", .age_seconds = 1, .in_touch = true}},
                           {"D", {.owner = "D", .age_seconds = 2, .in_touch = true, .untold_by = "R2"}}};
  for (const char* owner : {"A", "D"}) fixture.put_raw("profiles", owner, owner, R"({"Name":"p"})");
  const Answer list = fixture.call("GET", "/api/v3/profiles");
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.header("X-Mullion-Age"), "2");
  EXPECT_EQ(list.header("X-Mullion-Age-Untold"), "D;by=R2");
  const Answer demanding =
      fixture.call("GET", "/api/v3/profiles", "", "root", {{"X-Mullion-Max-Age", "3600"}});
  EXPECT_EQ(demanding.status, 503);
  EXPECT_NE(demanding.message().find("how old the copy of D is cannot be known: R2 passes it on"),
            std::string::npos);
  const Answer told =
      fixture.call("GET", "/api/v3/profiles?Endpoint=A", "", "root", {{"X-Mullion-Max-Age", "5"}});
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.header("X-Mullion-Age-Untold"), "");
}

TEST_F(ApiTest, WhatIsHeldUpMakesAnswersAboutItOldAndNoOthers) {
  fixture.manager.known = {
      {"A",
       {.owner = "A",
        .age_seconds = 1,
        .in_touch = true,
        .held_up = {{"profiles", {.age_seconds = 70, .reason = "profiles answers 500"}}}}}};
  fixture.put_raw("profiles", "A", "p", R"({"Name":"p"})");
  fixture.put_raw(
      "machines", "A", "0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001",
      R"({"Name":"m","Params":{"rack":7},"Pool":"p","Uuid":"0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001"})");
  fixture.put_raw("pools", "", "p", R"({"Id":"p"})");
  const auto ask = [&](const std::string& target, const char* demand) {
    return fixture.call("GET", "/api/v3/" + target, "", "root", {{"X-Mullion-Max-Age", demand}});
  };
  for (const char* target :
       {"profiles", "profiles/p", "profiles?group-by=Endpoint", "machines?aggregate=true",
        "machines/0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001/params?compose=true", "machines?rack=7",
        "machines?rack=Ne(8)&Name=m", "machines?rack=7&group-by=Name"}) {
    const Answer shown = ask(target, "70");
    EXPECT_EQ(shown.status, 200) << target;
    EXPECT_EQ(shown.header("X-Mullion-Age"), "70") << target;
    EXPECT_EQ(shown.header("X-Mullion-Stale"), "A;age=70") << target;
    const Answer refused = ask(target, "69");
    EXPECT_EQ(refused.status, 503) << target;
    EXPECT_NE(refused.message().find("A is 70 s old: profiles cannot be read there: profiles answers 500"),
              std::string::npos)
        << refused.message();
  }
  for (const char* target :
       {"machines", "machines?Name=m", "machines?Params=rack",
        "machines/0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001/params", "pools-active", "pools/p/status"}) {
    const Answer shown = ask(target, "5");
    EXPECT_EQ(shown.status, 200) << target;
    EXPECT_EQ(shown.header("X-Mullion-Age"), "1") << target;
    EXPECT_EQ(shown.header("X-Mullion-Stale"), "") << target;
  }
  fixture.manager.known["A"].held_up = {{"machines", {.age_seconds = 70, .reason = "machines answers 500"}}};
  for (const char* target : {"pools-active", "pools/p/status", "machines/nowhere"})
    EXPECT_EQ(ask(target, "69").status, 503) << target << " is made of machines";
  EXPECT_EQ(ask("pools/p/status", "70").header("X-Mullion-Stale"), "A;age=70");
  EXPECT_EQ(ask("profiles/nowhere", "5").status, 404);
}

TEST_F(ApiTest, WhoeverMayReadOneMachineLearnsNothingOfOwnersFromPools) {
  fixture.manager.known = {{"A", {.owner = "A", .age_seconds = 70}}};
  fixture.put_raw("machines", "A", "0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001",
                  R"({"Name":"m","Pool":"p","Uuid":"0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001"})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/pools-active").header("X-Mullion-Stale"), "A;age=70");
  fixture.authenticator.users["one"] = {{"pools", "list,get", "*"}, {"machines", "get", "another"}};
  const Answer pools = fixture.call("GET", "/api/v3/pools-active", "", "one");
  EXPECT_EQ(pools.status, 200);
  EXPECT_EQ(pools.header("X-Mullion-Stale"), "");
}

TEST_F(ApiTest, OwnObjectsShowTheirEndpointWhileManager) {
  create_profile("p1");
  fixture.call("POST", "/api/v3/prefs", R"({"manager":"true"})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1").json().at("Endpoint"), "M1");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles?Endpoint=M1").json().as_array().size(), 1U);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles?Endpoint=").json().as_array().size(), 1U);
}

TEST_F(ApiTest, WritesToRemoteObjectsAreForwarded) {
  fixture.manager.known = {{"A", {.owner = "A", .in_touch = true}}};
  fixture.put_raw("profiles", "A", "remote", R"({"Name":"remote"})");
  fixture.call("PATCH", "/api/v3/profiles/Name:remote?force=true", "[]");
  fixture.call("POST", "/api/v3/profiles/remote/params/aa%2Fbb", "1");
  fixture.call("DELETE", "/api/v3/profiles/remote");
  fixture.call("GET", "/api/v3/profiles/remote?decode=true");
  ASSERT_EQ(fixture.manager.forwarded.size(), 4U);
  EXPECT_EQ(fixture.manager.forwarded[0].target, "/api/v3/profiles/remote?force=true")
      << "the object that was found and authorised, not its name";
  EXPECT_EQ(fixture.manager.forwarded[0].body, "[]");
  EXPECT_EQ(fixture.manager.forwarded[1].target, "/api/v3/profiles/remote/params/aa%2Fbb");
  EXPECT_EQ(fixture.manager.forwarded[2].method, "DELETE");
  EXPECT_EQ(fixture.manager.forwarded[3].method, "GET");
  EXPECT_EQ(fixture.call("PATCH", "/api/v3/profiles/remote", "[]", "nobody").status, 404);
  EXPECT_EQ(fixture.manager.forwarded.size(), 4U);
}

TEST_F(ApiTest, PrefixedPaths) {
  fixture.manager.known = {{"A", {.owner = "A", .in_touch = true}}};
  fixture.manager.known["B"] = {.owner = "B", .in_touch = true};
  EXPECT_EQ(fixture.call("GET", "/A/B/api/v3/profiles/x?slim=Meta").body, R"({"from":"B"})");
  EXPECT_EQ(fixture.manager.forwarded[0].owner, "B") << "the way there is the manager's affair";
  EXPECT_EQ(fixture.manager.forwarded[0].target, "/api/v3/profiles/x?slim=Meta");
  create_profile("own");
  EXPECT_EQ(fixture.call("GET", "/M1/api/v3/profiles/own").status, 200);
  EXPECT_EQ(fixture.call("GET", "/nobody/api/v3/info").status, 404);
  EXPECT_EQ(fixture.call("DELETE", "/A/api/v3/profiles/x", "", "nobody").status, 404);
  EXPECT_EQ(fixture.call("GET", "/M1/A/api/v3/info").body, R"({"from":"A"})");
}

TEST_F(ApiTest, ContentLayersAreReadOnlyOrOverridden) {
  fixture.put_layered("profiles", "packed", R"({"Name":"packed","ReadOnly":true})");
  fixture.layers.read_only["profiles/packed"] = "pack";
  const Answer removed = fixture.call("DELETE", "/api/v3/profiles/packed");
  EXPECT_EQ(removed.body,
            R"({"Model":"","Key":"","Type":"DELETE","Messages":["readonly: packed"],"Code":422})");
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/packed/params/aa", "1").status, 422);
  fixture.put_layered("profiles", "basic", R"({"Name":"basic","ReadOnly":true,"Bundle":"BasicStore"})");
  const Answer overridden = fixture.call("PATCH", "/api/v3/profiles/basic",
                                         R"([{"op":"add","path":"/Description","value":"mine"}])");
  ASSERT_EQ(overridden.status, 200) << overridden.body;
  EXPECT_EQ(overridden.json().at("ReadOnly"), false);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/profiles/basic").status, 200);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/basic").json().at("Bundle"), "BasicStore");
}

TEST_F(ApiTest, ObjectsInUseAreKept) {
  fixture.call("POST", "/api/v3/roles",
               R"({"Name":"rr","Claims":[{"scope":"*","action":"get","specific":"*"}]})");
  ASSERT_EQ(fixture.call("POST", "/api/v3/users", R"({"Name":"uu","Roles":["rr"]})").status, 201);
  const Answer answer = fixture.call("DELETE", "/api/v3/roles/rr");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.json().at("Type"), "StillInUseError");
  EXPECT_EQ(answer.message(), "In use by User uu");
}

TEST_F(ApiTest, SecretsAreKeptAsideAndNeverShown) {
  const Answer created = fixture.call("POST", "/api/v3/users", R"({"Name":"uu"})");
  ASSERT_EQ(created.status, 201) << created.body;
  const auto secret = fixture.store->snapshot()->secret("users", "uu");
  ASSERT_TRUE(secret.has_value());
  const std::string token_secret(boost::json::parse(*secret).at("Secret").as_string());
  EXPECT_EQ(token_secret.size(), 16U);
  EXPECT_EQ(created.body.find(token_secret), std::string::npos);
  EXPECT_EQ(fixture.call("PUT", "/api/v3/users/uu/password", R"({"Password":"x"})").status, 200);
  const boost::json::value changed = boost::json::parse(*fixture.store->snapshot()->secret("users", "uu"));
  EXPECT_EQ(changed.at("PasswordHash"), "hash-of-x");
  EXPECT_NE(std::string(changed.at("Secret").as_string()), token_secret);
  EXPECT_EQ(fixture.authenticator.forgotten, std::vector<std::string>{"uu"});
  EXPECT_EQ(fixture.call("PUT", "/api/v3/users/uu/password", R"({"Password":""})").status, 400);
  fixture.call("DELETE", "/api/v3/users/uu");
  EXPECT_FALSE(fixture.store->snapshot()->secret("users", "uu").has_value());
}

TEST_F(ApiTest, Tokens) {
  fixture.call("POST", "/api/v3/users", R"({"Name":"uu"})");
  const Answer token = fixture.call("GET", "/api/v3/users/uu/token?ttl=1h&roles=a,b");
  ASSERT_EQ(token.status, 200) << token.body;
  EXPECT_EQ(token.json().at("Token"), "token-of-uu");
  EXPECT_EQ(token.json().at("Info").at("id"), "M1");
  EXPECT_EQ(fixture.authenticator.last_token.ttl, std::chrono::hours(1));
  EXPECT_EQ(fixture.authenticator.last_token.roles.size(), 2U);
  EXPECT_EQ(fixture.call("GET", "/api/v3/users/uu/token?ttl=cow").status, 400);
  EXPECT_EQ(fixture.call("GET", "/api/v3/users/john/token").status, 404);
}

/// Whoever uses it has the words compared with all that its user may do, on a thread that serves.
TEST_F(ApiTest, WhatLimitsATokenIsNoLongList) {
  fixture.call("POST", "/api/v3/users", R"({"Name":"uu"})");
  for (const char* name : {"roles", "scope", "action", "specific"}) {
    std::string words = "w0";
    for (int i = 1; i < 100; ++i) words += fmt::format(",w{}", i);
    const std::string target = fmt::format("/api/v3/users/uu/token?{}={}", name, words);
    EXPECT_EQ(fixture.call("GET", target).status, 200) << name;
    const Answer refused = fixture.call("GET", target + ",w");
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_THAT(refused.body, HasSubstr(fmt::format("{}: expected a list of at most 100 words", name)));
  }
}

TEST_F(ApiTest, MachinesTakeDefaultsAndUniqueNames) {
  fixture.put_first_stage();
  const Answer created = fixture.call("POST", "/api/v3/machines", R"({"Name":"m1.example.com"})");
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.json().at("Stage"), "none");
  EXPECT_EQ(created.json().at("BootEnv"), "local");
  EXPECT_EQ(created.json().at("Uuid").as_string().size(), 36U);
  const Answer twin = fixture.call("POST", "/api/v3/machines", R"({"Name":"m1.example.com"})");
  EXPECT_EQ(twin.status, 409);
  const std::string uuid(created.json().at("Uuid").as_string());
  EXPECT_EQ(fixture.call("GET", "/api/v3/machines/Name:m1.example.com").json().at("Uuid").as_string(), uuid);
  EXPECT_EQ(fixture.call("GET", "/api/v3/machines/Stage:none").status, 404);
  EXPECT_EQ(fixture.call("GET", std::string("/api/v3/machines/") + kUuid + "/token").status, 404);
  fixture.call("PATCH", "/api/v3/machines/" + uuid, R"([{"op":"replace","path":"/Locked","value":true}])");
  const Answer locked = fixture.call("PATCH", "/api/v3/machines/" + uuid,
                                     R"([{"op":"replace","path":"/Description","value":"x"}])");
  EXPECT_EQ(locked.status, 423);
  EXPECT_EQ(locked.message(), "Locked");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/machines/" + uuid).status, 423);
  EXPECT_EQ(
      fixture
          .call("PATCH", "/api/v3/machines/" + uuid, R"([{"op":"replace","path":"/Locked","value":false}])")
          .status,
      200);
}

TEST_F(ApiTest, LongListsStreamWhole) {
  for (int i = 0; i < 300; ++i)
    fixture.put_raw("profiles", "", fmt::format("p{:03}", i), fmt::format(R"({{"Name":"p{:03}"}})", i));
  const Answer list = fixture.call("GET", "/api/v3/profiles");
  ASSERT_EQ(list.json().as_array().size(), 300U);
  EXPECT_EQ(list.json().at(299).at("Name"), "p299");
  const Answer page = fixture.call("GET", "/api/v3/profiles?sort=Name&reverse=true&offset=1&limit=2");
  EXPECT_EQ(page.json().at(0).at("Name"), "p298");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles?limit=-1").status, 406);
}

TEST_F(ApiTest, InfoObjectsIndexesPrefs) {
  const auto info = fixture.call("GET", "/api/v3/info").json();
  EXPECT_EQ(info.at("version"), "v0.1.0");
  EXPECT_EQ(info.at("stats").at(0).at("name"), "machines.count");
  EXPECT_TRUE(info.at("scopes").at("machines").as_object().contains("getSecure"));
  EXPECT_FALSE(info.at("scopes").at("preferences").as_object().contains("get"));
  const std::string objects = fixture.call("GET", "/api/v3/objects").body;
  EXPECT_NE(objects.find("preferences"), std::string::npos);
  EXPECT_EQ(objects.find("interfaces"), std::string::npos);
  EXPECT_EQ(fixture.call("GET", "/api/v3/indexes/machines/Name").body,
            R"({"Type":"string","Unique":true,"Unordered":false,"Regex":true})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/indexes/machines/none").json().at("Type"), "");
  EXPECT_EQ(fixture.call("GET", "/api/v3/indexes/plugin_providers").status, 200);
  EXPECT_EQ(fixture.call("GET", "/api/v3/indexes/none").body, "{}");
  const Answer unknown = fixture.call("POST", "/api/v3/prefs", R"({"greg":"x"})");
  EXPECT_EQ(unknown.status, 422);
  EXPECT_EQ(unknown.message(), "Unknown Preference greg");
  const std::string state = model::message_text(fixture.api->endpoint_state());
  EXPECT_EQ(state.find("hidden"), std::string::npos);
  EXPECT_NE(state.find(R"("Name":"demo")"), std::string::npos);
  EXPECT_EQ(state.find('\xff'), std::string::npos) << "an old file whose name is no UTF-8";
  EXPECT_EQ(state.find("files_incomplete"), std::string::npos);
  fixture.blobs.uploads_complete = false;
  EXPECT_EQ(fixture.api->endpoint_state().files_incomplete, true);
  EXPECT_EQ(fixture.call("GET", "/swagger.json", "", "").json().at("openapi"), "3.0.3");
}

TEST_F(ApiTest, ManagerPluginAndItsAction) {
  EXPECT_EQ(fixture.call("GET", "/api/v3/plugins/manager").status, 404) << "this is no manager";
  ASSERT_EQ(fixture.call("POST", "/api/v3/prefs", R"({"manager":"true"})").status, 201);
  EXPECT_TRUE(env::eventually([&] { return fixture.call("GET", "/api/v3/plugins/manager").status == 200; }));
  EXPECT_EQ(fixture.call("GET", "/api/v3/plugins/manager/actions").json().at(0).at("Command"), "addEndpoint");
  EXPECT_EQ(
      fixture.call("POST", "/api/v3/plugins/manager/actions/addEndpoint", R"({"manager/url":"x"})").body,
      R"({"Id":"A"})");
  const Answer missing = fixture.call("POST", "/api/v3/plugins/manager/addEndpoint", "{}");
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.json().at("Type"), "INVOKE");
  EXPECT_EQ(fixture.call("POST", "/api/v3/plugins/manager/actions/none", "{}").status, 404);
}

TEST_F(ApiTest, FilesRangesAndConditions) {
  EXPECT_EQ(fixture.call("GET", "/api/v3/files").body, R"(["a","d/"])");
  const Answer whole = fixture.call("GET", "/api/v3/files/a");
  EXPECT_EQ(whole.body, "0123456789");
  EXPECT_EQ(whole.header("ETag"), "\"SHA256:" + std::string(64, 'e') + "\"");
  const Answer part = fixture.call("GET", "/api/v3/files/a", "", "root", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(fixture.call("GET", "/api/v3/files/a", "", "root", {{"Range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(fixture.call("GET", "/api/v3/files/a", "", "root", {{"Range", "bytes=10-"}}).status, 416);
  EXPECT_EQ(
      fixture.call("GET", "/api/v3/files/a", "", "root", {{"If-None-Match", whole.header("ETag")}}).status,
      304);
  const Answer absent = fixture.call("GET", "/api/v3/files/b/c");
  EXPECT_EQ(absent.body,
            R"({"Model":"files","Key":"/b/c","Type":"GET","Messages":["Not a regular file"],"Code":404})");
  EXPECT_EQ(fixture.call("POST", "/api/v3/files/greg", "abc").body, R"({"Path":"/greg","Size":3})");
  EXPECT_EQ(fixture.call("POST", "/api/v3/isos/greg", "abc").body, R"({"Path":"greg","Size":3})");
}

}  // namespace
}  // namespace mullion::api
