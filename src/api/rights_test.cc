// Tenants, rights to parts of objects, licences and key pairs through the whole dispatcher.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;
namespace json = boost::json;

constexpr const char* kMachine = "11111111-2222-4333-8444-555555555555";
constexpr const char* kOther = "99999999-2222-4333-8444-555555555555";
constexpr const char* kJob = "aaaaaaaa-2222-4333-8444-555555555555";

class RightsTest : public ::testing::Test {
 protected:
  RightsTest() {
    fixture.authenticator.users["ann"] = {{"*", "*", "*"}};  // by role everything; by tenant little
    put("profiles", "mine", R"({"Name":"mine"})");
    put("profiles", "theirs", R"({"Name":"theirs"})");
    put("tenants", "t1", R"({"Name":"t1","Members":{"profiles":["mine"],"machines":[]},"Users":["ann"]})");
  }
  void put(const std::string& type, const std::string& key, const std::string& body,
           std::string_view owner = store::kOwn) {
    fixture.put_raw(type, std::string(owner), key, body);
  }
  void allow(std::vector<auth::Claim> claims) { fixture.authenticator.users["bob"] = std::move(claims); }
  Answer as(const std::string& user, const std::string& method, const std::string& path,
            const std::string& body = "") {
    return fixture.call(method, "/api/v3/" + path, body, user);
  }
  std::string members(const std::string& prefix) {
    return json::serialize(as("root", "GET", "tenants/t1").json().at("Members").at(prefix));
  }

  Fixture fixture;
};

TEST_F(RightsTest, HiddenObjectsDoNotExist) {
  EXPECT_EQ(as("ann", "GET", "profiles/mine").status, 200);
  for (const char* path :
       {"profiles/theirs", "profiles/Name:theirs", "profiles/theirs/params", "profiles/theirs/params/x",
        "profiles/theirs/pubkey", "profiles/theirs/actions", "meta/profiles/theirs"}) {
    const Answer answer = as("ann", "GET", path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.message(), "Not Found") << path;
  }
  EXPECT_EQ(as("ann", "HEAD", "profiles/theirs").status, 404);
  EXPECT_EQ(as("ann", "PATCH", "profiles/theirs", "[]").status, 404);
  EXPECT_EQ(as("ann", "PUT", "profiles/theirs", R"({"Name":"theirs"})").status, 404);
  EXPECT_EQ(as("ann", "POST", "profiles/theirs/params/x", "1").status, 404);
  EXPECT_EQ(as("ann", "POST", "profiles/theirs/actions/x", "{}").status, 404);
  EXPECT_EQ(as("ann", "DELETE", "profiles/theirs").status, 404);
  EXPECT_EQ(as("root", "GET", "profiles/theirs").status, 200) << "it is still there";
}

TEST_F(RightsTest, ListsAndCountsLeaveHiddenObjectsOut) {
  EXPECT_EQ(as("ann", "GET", "profiles").json().as_array().size(), 1U);
  const Answer counted = as("ann", "HEAD", "profiles?Name=Re(i)");
  EXPECT_EQ(counted.header("X-DRP-LIST-FILTER-COUNT"), "1");
  EXPECT_EQ(counted.header("X-DRP-LIST-TOTAL-COUNT"), "1");
  put("machines", kMachine, R"({"Name":"m1"})");
  EXPECT_EQ(as("ann", "GET", "machines").body, "[]") << "an empty list hides everything";
  EXPECT_EQ(as("ann", "GET", "info").json().at("stats").at(0).at("count"), 0);
  EXPECT_EQ(as("root", "GET", "info").json().at("stats").at(0).at("count"), 1);
  put("stages", "s1", R"({"Name":"s1"})");
  EXPECT_EQ(as("ann", "GET", "stages").json().as_array().size(), 1U) << "not restricted";
}

TEST_F(RightsTest, WhoUsesAnObjectIsCountedWhereHidden) {
  put("machines", kMachine, R"({"Name":"m1","Profiles":["mine"]})");
  put("machines", kOther, R"({"Name":"m2","Profiles":["mine"]})");
  put("stages", "s1", R"({"Name":"s1","Profiles":["mine"]})");
  EXPECT_EQ(as("ann", "DELETE", "profiles/mine").json().at("Messages"),
            json::parse(R"(["In use by 2 hidden Machine","In use by Stage s1"])"));
  EXPECT_THAT(as("root", "DELETE", "profiles/mine").body, HasSubstr("In use by Machine m1"));
}

TEST_F(RightsTest, WhatATenantsUserCreatesJoinsTheTenant) {
  const Answer taken = as("ann", "POST", "profiles", R"({"Name":"theirs"})");
  EXPECT_EQ(
      taken.body,
      R"({"Model":"profiles","Key":"theirs","Type":"CREATE","Messages":["already exists"],"Code":409})");
  const auto feed = store::attach_feed(*fixture.store, "test", {.everything = true});
  EXPECT_EQ(as("ann", "POST", "profiles", R"({"Name":"new"})").status, 201);
  EXPECT_EQ(as("ann", "GET", "profiles/new").status, 200);
  EXPECT_EQ(members("profiles"), R"(["mine","new"])");
  std::vector<size_t> sizes;
  for (const auto& commit : feed->take().commits) sizes.push_back(commit->changes.size());
  EXPECT_THAT(sizes, ::testing::Contains(2U)) << "object and tenant in one commit";
  EXPECT_EQ(as("ann", "POST", "stages", R"({"Name":"s1"})").status, 201);
  EXPECT_FALSE(as("root", "GET", "tenants/t1").json().at("Members").as_object().contains("stages"));
  EXPECT_EQ(as("root", "POST", "profiles", R"({"Name":"elsewhere"})").status, 201);
  EXPECT_EQ(as("ann", "GET", "profiles/elsewhere").status, 404);
}

TEST_F(RightsTest, RefusalsNameTheObjectAsTheClientDid) {
  put("machines", "5eed0000-0000-4000-8000-000000000001",
      R"({"Uuid":"5eed0000-0000-4000-8000-000000000001","Name":"m9"})");
  allow({{"machines", "get", "*"}});
  const Answer refused = as("bob", "DELETE", "machines/Name:m9");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json().at("Messages").at(1), "Requires: machines delete Name:m9");
}

TEST_F(RightsTest, TheOwnAccountIsOpenedAndNotListed) {
  put("users", "bob", R"({"Name":"bob","Roles":[]})");
  allow({{"users", "get,password,token", "bob"}});  // what every user has
  EXPECT_EQ(as("bob", "GET", "users").body, "[]");
  EXPECT_EQ(as("bob", "GET", "users/bob").status, 200);
  allow({{"users", "get", "*"}, {"users", "get,password,token", "bob"}});
  EXPECT_NE(as("bob", "GET", "users").body, "[]");
}

TEST_F(RightsTest, DeletedObjectsLeaveEveryTenant) {
  put("tenants", "u1", R"({"Name":"u1","Members":{"profiles":["mine","theirs"]}})");
  EXPECT_EQ(as("ann", "DELETE", "profiles/mine").status, 200);
  EXPECT_EQ(members("profiles"), "[]");
  EXPECT_EQ(json::serialize(as("root", "GET", "tenants/u1").json().at("Members").at("profiles")),
            R"(["theirs"])");
}

TEST_F(RightsTest, AUserIsInOneTenant) {
  const Answer second = as("root", "POST", "tenants", R"({"Name":"u1","Users":["bob","ann"]})");
  EXPECT_EQ(second.status, 422);
  EXPECT_EQ(second.message(), "User ann is already in tenant t1");
  EXPECT_EQ(as("root", "POST", "tenants", R"({"Name":"u1","Users":["bob"]})").status, 201);
  const Answer moved = as("root", "PATCH", "tenants/t1", R"([{"op":"add","path":"/Users/-","value":"bob"}])");
  EXPECT_EQ(moved.message(), "User bob is already in tenant u1");
  EXPECT_EQ(as("root", "PATCH", "tenants/t1", R"([{"op":"add","path":"/Description","value":"x"}])").status,
            200);
}

TEST_F(RightsTest, ATenantThatMayNotBeReadIsNotNamed) {
  fixture.authenticator.users["clerk"] = {{"tenants", "create", "*"}, {"users", "list,get", "*"}};
  const Answer refused = as("clerk", "POST", "tenants", R"({"Name":"u1","Users":["ann"]})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.message(), "User ann is already in another tenant");
}

TEST_F(RightsTest, TenantsHoldForReplicasAndForwardedCalls) {
  fixture.preferences.values["manager"] = "true";
  fixture.manager.known["A"] = {.owner = "A", .in_touch = true, .next_hop = "A"};
  put("machines", kMachine, R"({"Name":"far"})", "A");
  const std::string path = std::string("machines/") + kMachine;
  EXPECT_EQ(as("ann", "GET", "machines").body, "[]");
  EXPECT_EQ(as("ann", "GET", path).status, 404);
  EXPECT_EQ(as("ann", "DELETE", path).status, 404);
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/" + path, "", "ann").status, 404);
  EXPECT_EQ(fixture.call("DELETE", "/A/api/v3/" + path, "", "ann").status, 404);
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/machines/" + std::string(kOther), "", "ann").status, 404);
  const Answer list = fixture.call("GET", "/A/api/v3/machines", "", "ann");
  EXPECT_EQ(list.status, 403) << "the owner would list everything";
  EXPECT_THAT(std::string(list.json().at("Messages").at(1).as_string()),
              HasSubstr("Tenant t1 hides some of this"));
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/contents/BackingStore", "", "ann").status, 403);
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/" + path + "/token", "", "ann").status, 403);
  EXPECT_TRUE(fixture.manager.forwarded.empty()) << "nothing was sent to the owner";
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/stages", "", "ann").status, 200);
  as("root", "PATCH", "tenants/t1",
     R"([{"op":"add","path":"/Members/machines/-","value":"/A/)" + std::string(kMachine) + "\"}]");
  EXPECT_EQ(as("ann", "GET", path).status, 200);
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/machines/Name:far", "", "ann").status, 200);
}

TEST_F(RightsTest, ClaimsHoldForForwardedCalls) {
  fixture.manager.known["A"] = {.owner = "A", .in_touch = true, .next_hop = "A"};
  put("machines", kMachine, R"({"Name":"far"})", "A");
  const std::string far = std::string("/A/") + kMachine;
  allow({{"machines", "get,delete", far}});
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/machines/Name:far", "", "bob").status, 200)
      << "the right is by key, however the object is called";
  EXPECT_EQ(fixture.call("PATCH", "/A/api/v3/machines/Name:far", "[]", "bob").status, 403);
  allow({{"machines", "list", "*,"}, {"machines", "get,delete", far}});
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/machines", "", "bob").json().at("Messages").at(1),
            "Requires: machines get *")
      << "the owner would list everything";
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/unknown/route/here", "", "bob").status, 403);
  EXPECT_EQ(as("bob", "GET", "machines").json().as_array().size(), 1U);
}

/// Half a right cannot be checked from outside: the manager would carry the rest out with its own login.
TEST_F(RightsTest, PartOfARightForwardsNothing) {
  fixture.preferences.values["manager"] = "true";
  fixture.manager.known["A"] = {.owner = "A", .in_touch = true, .next_hop = "A"};
  put("machines", kMachine, R"({"Name":"far"})", "A");
  const std::string far = std::string("/A/") + kMachine;
  const std::string object = std::string("machines/") + kMachine;
  const std::string patch = R"([{"op":"replace","path":"/Name","value":"x"}])";
  const std::string allowed_patch = R"([{"op":"add","path":"/Description","value":"x"}])";
  const std::vector<std::vector<auth::Claim>> partial{
      {{"machines", "get,list", "*"}, {"machines", "update:/Description", "*"}},
      {{"machines", "get,list", "*"}, {"machines", "update:/Description", far}},
      {{"machines", "get,list", "*"}, {"machines", "create", kOther}},
      {{"machines", "get,list", "*"}, {"machines", "update", kOther}}};
  for (const std::vector<auth::Claim>& claims : partial) {
    allow(claims);
    for (const std::string& base : {std::string("/api/v3/"), std::string("/A/api/v3/")}) {
      for (const auto& [method, body] : {std::pair("PATCH", patch), std::pair("PATCH", allowed_patch),
                                         std::pair("PUT", fmt::format(R"({{"Uuid":"{}"}})", kMachine))}) {
        const Answer answer = fixture.call(method, base + object, body, "bob");
        EXPECT_EQ(answer.status, 403) << method << " " << base << " " << answer.body;
      }
    }
    const Answer created = fixture.call("POST", "/A/api/v3/machines", R"({"Name":"new"})", "bob");
    EXPECT_EQ(created.status, 403) << created.body;
  }
  EXPECT_TRUE(fixture.manager.forwarded.empty());
  allow({{"machines", "get,update", far}, {"machines", "create", "*"}});
  for (const std::string& base : {std::string("/api/v3/"), std::string("/A/api/v3/")})
    EXPECT_EQ(fixture.call("PATCH", base + object, patch, "bob").status, 200) << base;
  EXPECT_EQ(fixture.call("POST", "/A/api/v3/machines", R"({"Name":"new"})", "bob").status, 200);
  EXPECT_EQ(fixture.manager.forwarded.size(), 3U) << "the whole right is good for all of them";
}

TEST_F(RightsTest, TokensInQueriesStayHere) {
  for (const char* query : {"token=root&x=1", "x=1&Token=root", "x=1&token=root&token=root"}) {
    fixture.call("GET", std::string("/A/api/v3/ws?") + query, "", "", {{"Upgrade", "websocket"}});
    ASSERT_FALSE(fixture.manager.forwarded.empty()) << query;
    EXPECT_EQ(fixture.manager.forwarded.back().target, "/api/v3/ws?x=1") << query;
  }
}

TEST_F(RightsTest, SubProtocolsLogInAndTheAnswerDoesNotShowThem) {
  const auto open = [&](std::string target, std::string offered, bool upgrade = true) {
    std::vector<std::pair<std::string, std::string>> headers{{"Sec-WebSocket-Protocol", std::move(offered)}};
    if (upgrade) headers.emplace_back("Upgrade", "websocket");
    return fixture.call("GET", std::move(target), "", "", std::move(headers));
  };
  for (const char* offered : {"mullion.v1, mullion.bearer.root", "mullion.bearer.root,mullion.v1",
                              "x , mullion.v1,mullion.bearer.root"}) {
    const Answer answer = open("/api/v3/ws", offered);
    EXPECT_EQ(answer.status, 101) << offered;
    EXPECT_EQ(answer.header("Sec-WebSocket-Protocol"), "mullion.v1") << offered;
  }
  EXPECT_EQ(open("/api/v3/ws", "mullion.bearer.root").header("Sec-WebSocket-Protocol"), "");
  for (const char* offered : {"mullion.v1", "mullion.v1, mullion.bearer.",
                              "mullion.v1, mullion.bearer.stranger", "mullion.v1, bearer.root", ""}) {
    const Answer answer = open("/api/v3/ws", offered);
    EXPECT_EQ(answer.status, 401) << offered;
    EXPECT_EQ(answer.header("Sec-WebSocket-Protocol"), "");
  }
  EXPECT_EQ(open("/api/v3/ws", "mullion.v1, mullion.bearer.root", false).status, 401)
      << "a request that opens no websocket logs in by its header";
  EXPECT_EQ(open("/A/api/v3/ws?x=1", "mullion.v1, mullion.bearer.root").status, 503);
  ASSERT_FALSE(fixture.manager.forwarded.empty());
  EXPECT_EQ(fixture.manager.forwarded.back().target, "/api/v3/ws?x=1");
  EXPECT_EQ(open("/A/api/v3/ws", "mullion.v1").status, 401);
}

TEST_F(RightsTest, WhatMayNotBeReadIsNotFound) {
  allow({{"profiles", "get", "mine"}});
  const Answer refused = as("bob", "DELETE", "profiles/mine");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json().at("Messages").at(1), "Requires: profiles delete mine");
  EXPECT_EQ(as("bob", "DELETE", "profiles/theirs").status, 404);
  EXPECT_EQ(as("bob", "PATCH", "profiles/theirs", "[]").status, 404);
  EXPECT_EQ(as("bob", "GET", "profiles/theirs/pubkey").status, 403) << "the contract wants AUTH here";
  EXPECT_EQ(as("bob", "GET", "profiles").json().as_array().size(), 1U);
  EXPECT_EQ(as("bob", "GET", "profiles?decode=true").status, 403);
}

/// Where objects are looked at one by one.
TEST_F(RightsTest, PoolsAndPurgesGoByTheTenant) {
  const std::string members =
      fmt::format(R"("pools":["blue"],"machines":["{}","{}"],"jobs":["{}"])", kMachine, kJob, kJob);
  put("tenants", "t1", R"({"Name":"t1","Members":{)" + members + R"(},"Users":["ann"]})");
  for (const char* pool : {"blue", "red"}) put("pools", pool, fmt::format(R"({{"Id":"{}"}})", pool));
  for (const auto& [key, pool] :
       {std::pair(kMachine, "blue"), std::pair(kOther, "blue"), std::pair(kJob, "red")})
    put("machines", key, fmt::format(R"({{"Uuid":"{}","Name":"in {}","Pool":"{}"}})", key, pool, pool));
  EXPECT_EQ(as("root", "GET", "pools-active").body, R"(["blue","red"])");
  EXPECT_EQ(as("ann", "GET", "pools-active").body, R"(["blue"])") << "a machine of hers is in the hidden one";
  EXPECT_THAT(as("root", "GET", "pools/blue/status").body, HasSubstr(kOther));
  EXPECT_THAT(as("ann", "GET", "pools/blue/status").body,
              ::testing::AllOf(HasSubstr(kMachine), ::testing::Not(HasSubstr(kOther))));
  EXPECT_EQ(as("ann", "GET", "pools/red/status").status, 404);
  for (const char* key : {kJob, kOther}) {
    put("jobs", key,
        fmt::format(R"({{"Uuid":"{}","Machine":"{}","State":"finished","EndTime":"2020-01-01T00:00:00Z"}})",
                    key, kMachine));
  }
  for (const char* query : {"jobs?dryrun=true&jobsToKeep=0", "jobs?jobsToKeep=0"})
    EXPECT_EQ(as("ann", "DELETE", query).body, fmt::format(R"(["{}"])", kJob)) << query;
  EXPECT_EQ(as("root", "GET", "jobs").json().as_array().size(), 1U);
}

TEST_F(RightsTest, JobsGoByTheirMachine) {
  put("jobs", kJob, fmt::format(R"({{"Uuid":"{}","Machine":"{}"}})", kJob, kMachine));
  put("jobs", kOther, fmt::format(R"({{"Uuid":"{}","Machine":"{}"}})", kOther, kOther));
  allow({{"jobs", "get", kMachine}, {"jobs", "get", "rubbish"}});
  EXPECT_EQ(as("bob", "GET", std::string("jobs/") + kJob).status, 200);
  EXPECT_EQ(as("bob", "GET", std::string("jobs/") + kOther).status, 404);
  const auto list = as("bob", "GET", "jobs").json();
  ASSERT_EQ(list.as_array().size(), 1U);
  EXPECT_EQ(list.at(0).at("Uuid"), kJob);
}

TEST_F(RightsTest, RightsToFieldsCoverPrivateFieldsToo) {
  ASSERT_EQ(as("root", "POST", "users", R"({"Name":"eve","Roles":[]})").status, 201);
  allow({{"users", "get", "*"}, {"users", "update:/Description,update:/Secret", "*"}});
  const auto patch = [this](const char* path) {
    return as("bob", "PATCH", "users/eve",
              fmt::format(R"([{{"op":"add","path":"{}","value":"eHg="}}])", path));
  };
  EXPECT_EQ(patch("/Description").status, 200);
  const Answer allowed = patch("/Secret");
  EXPECT_EQ(allowed.status, 200) << allowed.body;
  const Answer refused = patch("/PasswordHash");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json().at("Messages").at(1), "Requires: users update:/PasswordHash eve");
}

TEST_F(RightsTest, CreationMayBeAllowedForOneObjectAlone) {
  allow({{"reservations", "create", "0A000005"}});
  const auto create = [this](const char* address) {
    return as("bob", "POST", "reservations",
              fmt::format(R"({{"Addr":"{}","Token":"x","Strategy":"MAC"}})", address));
  };
  const Answer refused = create("10.0.0.6");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json().at("Messages").at(1), "Requires: reservations create 0A000006");
  EXPECT_EQ(create("10.0.0.5").status, 201);
  EXPECT_EQ(as("bob", "POST", "profiles", R"({"Name":"p"})").status, 403);
}

TEST_F(RightsTest, RolesNameWhatExists) {
  const auto role = [this](const char* scope, const char* action) {
    return as("root", "POST", "roles",
              fmt::format(R"({{"Name":"r1","Claims":[{{"scope":"{}","action":"{}","specific":"*"}}]}})",
                          scope, action));
  };
  EXPECT_THAT(role("bar", "get").message(), HasSubstr("No such scope 'bar'"));
  EXPECT_THAT(role("machines", "bar").message(), HasSubstr("No such action 'bar'"));
  EXPECT_THAT(role("", "get").message(), HasSubstr("No such scope ''"));
  put("widgets", "w", "{}", "A");
  EXPECT_EQ(role("widgets", "get,getSecure").status, 201) << "types that only peers or plugins know";
}

TEST_F(RightsTest, CapabilitiesAreWhatALoginMayDo) {
  put("users", "ann", R"({"Name":"ann","Roles":["superuser"]})");
  put("roles", "superuser", R"({"Name":"superuser","Claims":[{"scope":"*","action":"*","specific":"*"}]})");
  put("users", "eve", R"({"Name":"eve","Roles":["superuser"]})");
  const auto own = as("ann", "GET", "users/ann/capabilities").json();
  EXPECT_EQ(own.at("Tenant"), "t1");
  EXPECT_EQ(own.at("Claims").at(0).at("scope"), "*");
  const auto of_eve = as("root", "GET", "users/eve/capabilities").json();
  EXPECT_EQ(of_eve.at("Tenant"), "");
  EXPECT_EQ(of_eve.at("Claims").at(1).at("action"), "get,password,token");
  EXPECT_EQ(as("root", "GET", "users/none/capabilities").status, 404);
  EXPECT_EQ(as("nobody", "GET", "users/eve/capabilities").status, 404);
}

TEST_F(RightsTest, ANewKeyPairSealsEverythingAnew) {
  put("params", "pw", R"({"Name":"pw","Secure":true,"Schema":{"type":"string"}})");
  ASSERT_EQ(as("root", "POST", "profiles/mine/params/pw", R"("hush")").status, 200);
  const Answer old_key = as("root", "GET", "profiles/mine/pubkey");
  const Answer sealed = as("root", "GET", "profiles/mine/params/pw");
  const Answer fresh = as("root", "POST", "profiles/mine/pubkey");
  ASSERT_EQ(fresh.status, 200) << fresh.body;
  EXPECT_NE(fresh.body, old_key.body);
  EXPECT_EQ(as("root", "GET", "profiles/mine/pubkey").body, fresh.body);
  EXPECT_NE(as("root", "GET", "profiles/mine/params/pw").body, sealed.body);
  EXPECT_EQ(as("root", "GET", "profiles/mine/params/pw?decode=true").body, R"("hush")");
  EXPECT_EQ(as("root", "POST", "profiles/mine/params/pw", sealed.body).status, 422)
      << "what was sealed for the old key is worth nothing now";
  fixture.put_layered("profiles", "packed", R"({"Name":"packed"})");
  EXPECT_EQ(as("root", "POST", "profiles/packed/pubkey").status, 409);
}

TEST_F(RightsTest, AnOverrideThatGoesLeavesTheKeyOfItsLayer) {
  put("params", "pw", R"({"Name":"pw","Secure":true})");
  fixture.put_layered("profiles", "packed", R"({"Name":"packed"})");
  const Answer key = as("root", "GET", "profiles/packed/pubkey");
  ASSERT_EQ(as("root", "POST", "profiles/packed/params/aa", "1").status, 200);
  ASSERT_EQ(as("root", "DELETE", "profiles/packed").status, 200);
  EXPECT_EQ(as("root", "GET", "profiles/packed/pubkey").body, key.body);
  const Answer mine = as("root", "GET", "profiles/mine/pubkey");
  ASSERT_EQ(as("root", "DELETE", "profiles/mine").status, 200);
  ASSERT_EQ(as("root", "POST", "profiles", R"({"Name":"mine"})").status, 201);
  EXPECT_NE(as("root", "GET", "profiles/mine/pubkey").body, mine.body);
}

TEST_F(RightsTest, ListsOpenSecureValuesWhereTheRightIs) {
  put("params", "pw", R"({"Name":"pw","Secure":true})");
  for (const char* profile : {"mine", "theirs"})
    ASSERT_EQ(as("root", "POST", fmt::format("profiles/{}/params/pw", profile), R"("hush")").status, 200);
  allow({{"profiles", "list,get", "*,"}, {"profiles", "getSecure", ",mine"}});
  const auto list = as("bob", "GET", "profiles?decode=true").json();
  EXPECT_EQ(list.at(0).at("Params").at("pw"), "hush");
  EXPECT_TRUE(list.at(1).at("Params").at("pw").is_object()) << "no right to this one";
  EXPECT_EQ(as("bob", "GET", "profiles/theirs?decode=true").status, 403);
  EXPECT_EQ(as("bob", "GET", "profiles").body.find("hush"), std::string::npos);
}

/// A licence for the feature `manager` alone, signed with a key that only these tests trust.
constexpr const char* kTrustedKey = "6Rh8MOQIlSRv5oK85UqpFwhnS4WEK9koOjHxsS2sHxc=";
constexpr const char* kManagerAlone =
    "eyJPd25lciI6IlRlc3QiLCJMaWNlbnNlcyI6W3siTmFtZSI6Im1hbmFnZXIiLCJTdGFydERhdGUiOiIyMDIwLTAxLTAxVDAwOjAwOjAw"
    "WiIs"
    "IlNvZnRFeHBpcmVEYXRlIjoiMjEwMC0wMS0wMVQwMDowMDowMFoiLCJIYXJkRXhwaXJlRGF0ZSI6IjIxMDAtMDEtMDFUMDA6MDA6MDBa"
    "In1d"
    "fQ==.kX3zJMpofUYmcTlRNjJQp0iGc/"
    "gRcqT+vNeMFK9zmcF/jXpwEZBYSBUXwyEv7+jW7GdJQybeZkxPSb/zwr2PCA==";

TEST(Licences, ChangesOfRolesAndTenantsNeedTheirs) {
  Fixture fixture({}, {.trusted_keys = {kTrustedKey}});
  EXPECT_EQ(fixture.call("POST", "/api/v3/roles", R"({"Name":"r1"})").status, 201) << "the community licence";
  fixture.put_layered(
      "profiles", "rackn-license",
      fmt::format(R"({{"Name":"rackn-license","Params":{{"rackn/license":"{}"}}}})", kManagerAlone));
  EXPECT_EQ(fixture.call("POST", "/api/v3/roles", R"({"Name":"s1"})").body,
            R"({"Model":"","Key":"","Type":"AUTH","Messages":["Cannot access /api/v3/roles",)"
            R"("roles create is a licensed enterprise feature.  Contact support@rackn.com"],"Code":403})");
  const Answer patched = fixture.call("PATCH", "/api/v3/roles/r1", "[]");
  EXPECT_EQ(patched.status, 403);
  EXPECT_THAT(patched.body, HasSubstr("roles update is a licensed enterprise feature."));
  EXPECT_THAT(fixture.call("DELETE", "/api/v3/roles/r1").body, HasSubstr("roles delete is a licensed"));
  EXPECT_THAT(fixture.call("POST", "/api/v3/tenants", R"({"Name":"t1"})").body,
              HasSubstr("tenants create is a"));
  EXPECT_EQ(fixture.call("GET", "/api/v3/roles/r1").status, 200);
  EXPECT_EQ(fixture.call("GET", "/api/v3/roles").status, 200);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 201) << "needs no licence";
  EXPECT_THAT(fixture.call("GET", "/api/v3/profiles/p1?decode=true").body,
              HasSubstr("profiles getSecure is a licensed"));
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/p1/pubkey").status, 403);
  EXPECT_EQ(fixture.call("POST", "/api/v3/roles", R"({"Name":"s1"})", "nobody").json().at("Messages").at(1),
            "Requires: roles create ")
      << "the right comes first";
}

}  // namespace
}  // namespace mullion::api
