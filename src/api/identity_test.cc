// Rights, memberships and tokens are about (type, owner, key): what names a key means this server's object.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/internal/routes.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* kKnownMachine = "11111111-2222-4333-8444-555555555555";
constexpr const char* kHidden = "99999999-2222-4333-8444-555555555555";

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    fixture.preferences.values["manager"] = "true";
    fixture.manager.known["A"] = {.owner = "A", .in_touch = true, .next_hop = "A"};
  }
  void put(const std::string& type, const std::string& key, const std::string& body,
           std::string_view owner = store::kOwn) {
    fixture.put_raw(type, std::string(owner), key, body);
  }
  /// The same object at this server and at A.
  void put_both(const std::string& type, const std::string& key, const std::string& body) {
    put(type, key, body);
    put(type, key, body, "A");
  }
  void allow(std::vector<auth::Claim> claims) { fixture.authenticator.users["bob"] = std::move(claims); }
  Answer bob(const std::string& method, const std::string& path, const std::string& body = "") {
    return fixture.call(method, path, body, "bob");
  }
  static std::string machine(const std::string& profiles) {
    return fmt::format(R"({{"Name":"mine","Uuid":"{}","Stage":"none","BootEnv":"local","Profiles":{}}})",
                       kKnownMachine, profiles);
  }
  size_t sent() const { return fixture.manager.forwarded.size(); }

  Fixture fixture;
};

struct Request {
  const char* method;
  const char* below;  // the object
  const char* body;
};
constexpr Request kRequests[] = {{"GET", "", ""},
                                 {"PATCH", "", R"([{"op":"add","path":"/Description","value":"x"}])"},
                                 {"PUT", "", R"({"Name":"x"})"},
                                 {"DELETE", "", ""},
                                 {"GET", "?decode=true", ""},
                                 {"GET", "/params", ""},
                                 {"POST", "/params/x", "1"},
                                 {"DELETE", "/params/x", ""},
                                 {"GET", "/actions", ""},
                                 {"POST", "/actions/x", "{}"},
                                 {"GET", "/pubkey", ""}};

TEST_F(IdentityTest, AClaimThatNamesAKeyMeansTheObjectOfThisServer) {
  for (const std::string type : {"machines", "profiles"}) {
    const std::string key = type == "machines" ? kKnownMachine : "p1";
    put(type, key, R"({"Name":"x"})", "A");
    allow({{type, "*", key}});
    for (const Request& request : kRequests) {
      for (const std::string prefix : {"", "/A"}) {
        const std::string path = prefix + "/api/v3/" + type + "/" + key + request.below;
        EXPECT_GE(bob(request.method, path, request.body).status, 403) << request.method << " " << path;
      }
    }
    EXPECT_EQ(bob("GET", "/api/v3/" + type).status, 200);
    EXPECT_EQ(bob("GET", "/api/v3/" + type).body, "[]");
    EXPECT_EQ(sent(), 0U);
    allow({{type, "*", "/A/" + key}});
    EXPECT_EQ(bob("GET", "/api/v3/" + type + "/" + key).status, 200);
    EXPECT_EQ(bob("GET", "/A/api/v3/" + type + "/" + key).status, 200);
    EXPECT_EQ(bob("GET", "/api/v3/" + type).json().as_array().size(), 1U);
    fixture.manager.forwarded.clear();
  }
}

TEST_F(IdentityTest, AUserIsNotTheUserOfTheSameNameElsewhere) {
  put_both("users", "bob", R"({"Name":"bob","Roles":[]})");
  allow({{"users", "get,password,token", "bob"}});  // what every user has
  EXPECT_EQ(bob("GET", "/api/v3/users/bob").json().at("Endpoint"), "") << "the one of this server";
  EXPECT_EQ(bob("GET", "/api/v3/users").body, "[]") << "opened by name, listed by right";
  for (const char* path : {"/A/api/v3/users/bob", "/A/api/v3/users/bob/token", "/A/api/v3/users/Name:bob",
                           "/A/api/v3/users/bob/capabilities", "/A/B/api/v3/users/bob/token"})
    EXPECT_GE(bob("GET", path).status, 403) << path;
  EXPECT_GE(bob("PUT", "/A/api/v3/users/bob/password", R"({"Password":"taken"})").status, 403);
  EXPECT_EQ(sent(), 0U);
}

TEST_F(IdentityTest, AMemberOfATenantIsTheObjectOfThisServer) {
  put("profiles", "theirs", R"({"Name":"theirs"})", "A");
  put("tenants", "t1", R"({"Name":"t1","Members":{"profiles":[]},"Users":["bob"]})");
  allow({{"*", "*", "*"}});
  EXPECT_EQ(bob("GET", "/A/api/v3/profiles/theirs").status, 404);
  ASSERT_EQ(bob("POST", "/api/v3/profiles", R"({"Name":"theirs"})").status, 201) << "joins the tenant";
  for (const Request& request : kRequests) {
    const std::string path = std::string("/A/api/v3/profiles/theirs") + request.below;
    EXPECT_EQ(bob(request.method, path, request.body).status, 404) << request.method << " " << path;
  }
  EXPECT_EQ(bob("GET", "/api/v3/profiles").json().as_array().size(), 1U);
  EXPECT_EQ(bob("GET", "/api/v3/profiles?Endpoint=A").body, "[]");
  EXPECT_EQ(sent(), 0U);
}

TEST_F(IdentityTest, HalfARightIsNotForwarded) {
  put("machines", kKnownMachine, R"({"Name":"far"})", "A");
  const std::string path = std::string("/api/v3/machines/") + kKnownMachine;
  const auto refused = [&](const char* method, const std::string& where, const std::string& body) {
    for (const std::string prefix : {"", "/A"}) {
      EXPECT_EQ(bob(method, prefix + where, body).status, 403) << method << " " << prefix << where;
    }
  };
  const std::string patch = R"([{"op":"replace","path":"/Name","value":"x"}])";
  allow({{"machines", "get,list", "*"}, {"machines", "update:/Description", "*"}});  // one field
  refused("PATCH", path, patch);
  refused("PUT", path, R"({"Name":"x"})");
  refused("POST", path + "/params", "{}");
  refused("POST", path + "/params/x", "1");
  refused("DELETE", path + "/params/x", "");
  refused("PATCH", "/api/v3/meta/machines/" + std::string(kKnownMachine), "[]");
  allow({{"machines", "get", "*"}, {"machines", "action:poweron", "*"}});  // one action
  refused("POST", path + "/actions/poweroff", "{}");
  refused("DELETE", path, "");
  allow({{"machines", "get", "*"}, {"machines", "create", kKnownMachine}});  // one key
  EXPECT_EQ(bob("POST", "/A/api/v3/machines", R"({"Name":"x","Uuid":")" + std::string(kKnownMachine) + "\"}")
                .status,
            403);
  allow({{"machines", "get", "*"}, {"machines", "create", std::string("/A/") + kKnownMachine}});
  EXPECT_EQ(bob("POST", "/A/api/v3/machines", R"({"Name":"x"})").status, 403)
      << "the key is not checked here";
  allow({{"machines", "list", "*"}});
  EXPECT_EQ(bob("GET", "/A/api/v3/machines").status, 403) << "the owner would list everything";
  EXPECT_EQ(sent(), 0U);
  allow({{"machines", "get", "*"}, {"machines", "update", "*"}});
  EXPECT_EQ(bob("PATCH", path, patch).status, 200);
  EXPECT_EQ(sent(), 1U);
}

/// Spellings that once were authorised as one request and forwarded as another.
struct Asked {
  std::vector<auth::Claim> half;
  const char* method;
  const char* path;  // at A
  const char* body;
  std::vector<auth::Claim> rest;  // what the owner would ask of this server's login
};

/// A right of the route alone lets nobody act with this server's login where the handler asks for more.
TEST_F(IdentityTest, WhatTheOwnerWouldAskIsAskedHere) {
  put("machines", kKnownMachine, R"({"Name":"far"})", "A");
  put("subnets", "sn", R"({"Name":"sn"})", "A");
  put("pools", "p", R"({"Id":"p"})", "A");
  put("endpoints", "B", R"({"Id":"B"})", "A");
  for (const char* kind : {"bulks", "rollouts"}) put(kind, "b", R"({"Id":"b"})", "A");
  const std::vector<auth::Claim> addresses{{"reservations", "create,get,delete", "*"},
                                           {"machines", "get,update", "*"}};
  const std::vector<auth::Claim> rolls{{"endpoints", "get,update", "*"}, {"version_sets", "get", "*"}};
  const std::vector<auth::Claim> all{{"*", "*", "*"}};
  const std::string start = std::string("machines/") + kKnownMachine + "/start";
  const std::vector<Asked> cases{
      {{{"subnets", "*", "*"}}, "POST", "subnets/sn/allocate", "{}", addresses},
      {{{"subnets", "*", "*"}}, "DELETE", "subnets/sn/release/10.0.0.1", "", addresses},
      {{{"bulks", "*", "*"}}, "POST", "bulks", R"({"Id":"c"})", all},
      {{{"bulks", "*", "*"}}, "POST", "bulks/b/actions/start", "{}", all},
      {{{"bulks", "*", "*"}}, "GET", "bulks/b/items", "", {{"*", "get", "*"}}},
      {{{"rollouts", "*", "*"}}, "POST", "rollouts", R"({"Id":"c","Start":true})", rolls},
      {{{"rollouts", "*", "*"}},
       "PATCH",
       "rollouts/b",
       R"([{"op":"add","path":"/Start","value":true}])",
       rolls},
      {{{"rollouts", "*", "*"}}, "POST", "rollouts/b/actions/start", "{}", rolls},
      {{{"endpoints", "*", "*"}}, "GET", "endpoints/B/plan?sets=s", "", {{"version_sets", "get", "*"}}},
      {{{"endpoints", "*", "*"}}, "POST", "plans", "{}", {{"version_sets", "get", "*"}}},
      {{{"endpoints", "get,update", "*"}},
       "PATCH",
       "endpoints/B",
       R"([{"op":"add","path":"/Params/manager~1url","value":"https://x:1"}])",
       {{"endpoints", "getSecure", "*"}}},
      {{{"endpoints", "get,update", "*"}},
       "POST",
       "endpoints/B/params/manager%2Ffingerprint",
       R"("aa")",
       {{"endpoints", "getSecure", "*"}}},
      {{{"pools", "*", "*"}}, "GET", "pools/p/status", "", {{"machines", "get", "*"}}},
      {{{"pools", "*", "*"}}, "GET", "pools-active", "", {{"machines", "get", "*"}}},
      {{{"contents", "*", "*"}}, "GET", "contents/BackingStore", "", {{"*", "getSecure", "*"}}},
      {{{"files", "post", "/A/box/u.zip"}},
       "POST",
       "files/box/u.zip?explode=true",
       "x",
       {{"files", "post", "*"}}},
      {{{"isos", "post", "/A/u.zip"}}, "POST", "isos/u.zip?explode=true", "x", {{"isos", "post", "*"}}},
      {{{"jobs", "*", "*"}}, "POST", "jobs", R"({"Machine":"x"})", {{"machines", "get", "*"}}},
      {{{"machines", "*", "*"}},
       "PATCH",
       start.c_str(),
       R"([{"op":"add","path":"/Profiles","value":["p"]}])",
       {{"profiles", "get", "*"}}},
  };
  for (const Asked& asked : cases) {
    const std::string path = std::string("/A/api/v3/") + asked.path;
    fixture.manager.forwarded.clear();
    allow(asked.half);
    EXPECT_EQ(bob(asked.method, path, asked.body).status, 403) << asked.method << " " << path;
    EXPECT_EQ(sent(), 0U) << asked.method << " " << path;
    std::vector<auth::Claim> whole = asked.half;
    whole.insert(whole.end(), asked.rest.begin(), asked.rest.end());
    allow(whole);
    EXPECT_LT(bob(asked.method, path, asked.body).status, 300) << asked.method << " " << path;
    EXPECT_EQ(sent(), 1U) << asked.method << " " << path;
  }
  // The same by the object's name, without its owner in the path.
  fixture.manager.forwarded.clear();
  allow({{"subnets,bulks,rollouts,endpoints", "*", "*"}});
  EXPECT_EQ(bob("POST", "/api/v3/subnets/sn/allocate", "{}").status, 403);
  EXPECT_EQ(bob("GET", "/api/v3/endpoints/B/plan?sets=s").status, 403);
  EXPECT_EQ(sent(), 0U);
  EXPECT_EQ(bob("GET", "/api/v3/endpoints/B/plan").status, 200) << "no set is named";
}

/// A tenant here hides things there.
TEST_F(IdentityTest, WhatATenantHidesIsNotWorkedOnElsewhere) {
  put("bulks", "b", R"({"Id":"b"})", "A");
  put("tenants", "t1", R"({"Name":"t1","Members":{"machines":[]},"Users":["bob"]})");
  allow({{"*", "*", "*"}});
  EXPECT_EQ(bob("POST", "/A/api/v3/bulks/b/actions/start", "{}").status, 403);
  EXPECT_EQ(bob("POST", "/A/api/v3/subnets/sn/allocate", "{}").status, 403);
  EXPECT_EQ(sent(), 0U);
}

/// Routes that give away, show or take over everything that a server has.
TEST_F(IdentityTest, WhatIsAboutEverythingIsNotForUsersOfTenants) {
  put("tenants", "t1", R"({"Name":"t1","Members":{"machines":[]},"Users":["bob"]})");
  allow({{"*", "*", "*"}});
  size_t tried = 0;
  for (const Route& route : route_table()) {
    if (!route.whole) continue;
    std::string path(route.pattern);
    while (path.find('{') != std::string::npos) {
      const size_t open = path.find('{');
      path.replace(open, path.find('}') - open + 1, "machines");
    }
    for (const std::string prefix : {"", "/A"}) {
      const Answer answer =
          bob(std::string(route.methods.substr(0, route.methods.find(' '))), prefix + path, "{}");
      EXPECT_EQ(answer.status, 403) << prefix << path << answer.body;
      ++tried;
    }
  }
  EXPECT_GE(tried, 12U);
  EXPECT_EQ(sent(), 0U);
}

/// Who may let servers in gets everything that the owner has: more than a manager lends to one right.
TEST_F(IdentityTest, AnIntroductionElsewhereNeedsEveryRight) {
  allow({{"system", "active", "*"}, {"info", "get", "*"}});
  EXPECT_EQ(bob("GET", "/A/api/v3/system/consensus/introduction").status, 403);
  EXPECT_EQ(bob("POST", "/A/api/v3/system/consensus/enroll", "{}").status, 403);
  EXPECT_EQ(sent(), 0U);
  allow({{"*", "*", "*"}});
  EXPECT_EQ(bob("GET", "/A/api/v3/system/consensus/introduction").status, 200);
  EXPECT_EQ(sent(), 1U);
}

/// Owners of earlier versions show it to this server's account, on whoever's behalf it asks.
TEST_F(IdentityTest, ASecretOfAnotherEndpointIsNotPassedOn) {
  const std::string rest = machine("[]").substr(1);
  put("machines", kKnownMachine, machine("[]"), "A");
  allow({{"*", "*", "*"}});
  const std::string at = std::string("/api/v3/machines/") + kKnownMachine;
  fixture.manager.answer = R"({"Endpoint":"","Secret":"hush","Params":{"Secret":"kept"},)" + rest;
  for (const std::string& path : {"/A" + at, at + "?decode=true"}) {
    const Answer answer = bob("GET", path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("hush"))) << path;
    EXPECT_THAT(answer.body, HasSubstr("kept")) << path;
  }
  for (const std::string prefix : {"", "/A"}) {
    const std::string patch = R"([{"op":"add","path":"/Description","value":"x"}])";
    EXPECT_THAT(bob("PATCH", prefix + at, patch).body, Not(HasSubstr("hush"))) << prefix;
    EXPECT_THAT(bob("DELETE", prefix + at).body, Not(HasSubstr("hush"))) << prefix;
  }
  fixture.manager.answer = "[" + *fixture.manager.answer + "]";
  const Answer list = bob("GET", "/A/api/v3/machines");
  EXPECT_THAT(list.body, Not(HasSubstr("hush")));
  EXPECT_EQ(list.json().at(0).at("Secret"), "");
}

TEST_F(IdentityTest, AWriteWhoseAnswerIsCutSaysThatItWasCarriedOut) {
  put("machines", kKnownMachine, machine("[]"), "A");
  allow({{"*", "*", "*"}});
  const std::string at = std::string("/A/api/v3/machines/") + kKnownMachine;
  fixture.manager.answers_are_cut = true;
  for (const bool foreign : {false, true}) {
    fixture.manager.foreign = foreign;
    const Answer write = bob("PATCH", at, R"([{"op":"add","path":"/Description","value":"x"}])");
    EXPECT_EQ(write.status, 503);
    EXPECT_EQ(write.header("X-Mullion-Unreachable"), "A;ran=maybe");
    EXPECT_THAT(write.message(), HasSubstr("; it was carried out"));
  }
  const Answer read = bob("GET", at + "?decode=true");
  EXPECT_EQ(read.status, 503);
  EXPECT_EQ(read.header("X-Mullion-Unreachable"), "A;ran=no");
}

TEST_F(IdentityTest, AnAnswerThatCannotBeLookedThroughIsNotPassedOn) {
  put("machines", kKnownMachine, machine("[]"), "A");
  allow({{"*", "*", "*"}});
  const std::string at = std::string("/api/v3/machines/") + kKnownMachine;
  fixture.manager.answers_are_packed = true;
  for (const bool foreign : {false, true}) {
    fixture.manager.foreign = foreign;
    EXPECT_EQ(bob("GET", at + "?decode=true").status, 503);
    EXPECT_EQ(bob("GET", "/A" + at).status, 503);
    EXPECT_EQ(bob("GET", "/A/api/v3/machines").status, 503);
    const Answer write = bob("PATCH", "/A" + at, R"([{"op":"add","path":"/Description","value":"x"}])");
    EXPECT_EQ(write.header("X-Mullion-Unreachable"), "A;ran=maybe");
  }
}

TEST_F(IdentityTest, WhetherThereIsWorkIsToldOfMachinesThatMayBeRead) {
  put("machines", kKnownMachine, machine("[]"));
  const auto ask = [this](const char* key) {
    const Answer answer = bob("POST", "/api/v3/jobs", fmt::format(R"({{"Machine":"{}"}})", key));
    std::string text = answer.body.empty() ? "" : answer.message();
    const size_t at = text.find(key);
    if (at != std::string::npos) text.replace(at, std::string_view(key).size(), "KEY");
    return fmt::format("{} {}", answer.status, text);
  };
  allow({{"*", "*", "*"}});
  EXPECT_TRUE(ask(kKnownMachine).starts_with("204")) << ask(kKnownMachine);
  const std::string absent = ask(kHidden);
  EXPECT_TRUE(absent.starts_with("422")) << absent;
  allow({{"jobs", "*", "*"}});
  EXPECT_EQ(ask(kKnownMachine), ask(kHidden)) << "not by who may not read machines";
  put("tenants", "t1", R"({"Name":"t1","Members":{"machines":[]},"Users":["bob"]})");
  allow({{"*", "*", "*"}});
  EXPECT_EQ(ask(kKnownMachine), absent) << "not by a tenant that hides it";
}

TEST_F(IdentityTest, CountsOfAnotherEndpointAreOfWhatTheTenantShows) {
  put("machines", kKnownMachine, R"({"Name":"seen"})", "A");
  put("machines", kHidden, R"({"Name":"hidden"})", "A");
  put("machines", kHidden, R"({"Name":"hidden"})");
  put("tenants", "t1",
      fmt::format(R"({{"Name":"t1","Members":{{"machines":["/A/{}"]}},"Users":["bob"]}})", kKnownMachine));
  allow({{"*", "*", "*"}});
  fixture.manager.answer = R"({"id":"A","stats":[{"name":"machines.count","count":2}]})";
  const json::value info = bob("GET", "/A/api/v3/info").json();
  EXPECT_EQ(info.at("id"), "A");
  EXPECT_EQ(info.at("stats").at(0), json::parse(R"({"name":"machines.count","count":1})"));
  EXPECT_EQ(bob("GET", "/api/v3/info").json().at("stats").at(0).at("count"), 1);
  allow({{"*", "*", "*"}});
  EXPECT_EQ(fixture.call("GET", "/A/api/v3/info").json().at("stats").at(0).at("count"), 2);
  for (const char* path : {"contents", "system/consensus/fullstate"})
    EXPECT_EQ(bob("GET", std::string("/A/api/v3/") + path).status, 403) << path;
}

TEST_F(IdentityTest, NoSpellingMakesAnotherRequestOfIt) {
  allow({{"files", "*", "*"}});
  for (const std::string path :
       {"/A/%61pi/v3/ws/x/api/v3/users/root/token", "/A/api/v3/ws/x/api/v3/users/root/token",
        "/A/api/%76%33/ws/x/api/v3/users/root/token", "/A/api/v3/files/x/api/v3/users/root/token",
        "/A/%61pi/v3/files/x/api/v3/users/root/token", "https://h/A/api/v3/files/x/api/v3/users/root/token",
        "//A//api/v3//ws/x/api/v3/users/root/token", "/A/api/v3/files/..%2F..%2Fusers"}) {
    for (const bool upgrade : {false, true}) {
      for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
        std::vector<std::pair<std::string, std::string>> headers;
        if (upgrade) headers.emplace_back("Upgrade", "websocket");
        net::Request parsed;
        if (!parsed.set_target(path)) continue;
        fixture.call(method, path, "", "bob", headers);
      }
    }
  }
  for (const auto& request : fixture.manager.forwarded) {
    const bool as_authorised =
        request.target.starts_with("/api/v3/ws/") || request.target.starts_with("/api/v3/files/");
    EXPECT_TRUE(as_authorised) << request.method << " " << request.target;
    const bool websocket = request.method == "WEBSOCKET";
    EXPECT_TRUE(!websocket || request.target.starts_with("/api/v3/ws")) << request.target;
  }
  EXPECT_GT(sent(), 8U);
}

TEST_F(IdentityTest, OnlyWebsocketRoutesBecomeWebsockets) {
  put("machines", kKnownMachine, R"({"Name":"far"})", "A");
  allow({{"*", "*", "*"}});
  const std::string path = std::string("/A/api/v3/machines/") + kKnownMachine;
  fixture.call("PATCH", path, "[]", "bob", {{"Upgrade", "websocket"}});
  ASSERT_EQ(sent(), 1U);
  EXPECT_EQ(fixture.manager.forwarded[0].method, "PATCH") << "a right to change is not one to read";
}

TEST_F(IdentityTest, WhoamiKnowsOnlyWhatTheCallerSees) {
  put("machines", kKnownMachine, R"({"Name":"seen","HardwareAddrs":["52:54:00:00:00:01"]})");
  put("machines", kHidden, R"({"Name":"hidden","HardwareAddrs":["52:54:00:00:00:02"]})");
  put("tenants", "t1",
      fmt::format(R"({{"Name":"t1","Members":{{"machines":["{}"]}},"Users":["bob"]}})", kKnownMachine));
  allow({{"*", "*", "*"}});
  const auto ask = [this](const char* user, const char* address) {
    return fixture
        .call("POST", "/api/v3/whoami", fmt::format(R"({{"MacAddrs":["{}"],"Fingerprint":{{}}}})", address),
              user)
        .body;
  };
  EXPECT_THAT(ask("bob", "52:54:00:00:00:01"), HasSubstr(kKnownMachine));
  EXPECT_THAT(ask("bob", "52:54:00:00:00:02"), Not(HasSubstr(kHidden)));
  EXPECT_THAT(ask("bob", "52:54:00:00:00:02"), Not(HasSubstr("Token")));
  EXPECT_THAT(ask("root", "52:54:00:00:00:02"), HasSubstr(kHidden));
}

/// What the caller may not read cannot be referred to, and is told from what is not there by nothing.
TEST_F(IdentityTest, ReferencesAreResolvedWithTheRightsOfTheCaller) {
  fixture.put_first_stage();
  put("machines", kKnownMachine, machine(R"(["kept"])"));
  for (const char* profile : {"kept", "hidden", "mine"})
    put("profiles", profile, fmt::format(R"({{"Name":"{}","Params":{{"x":"secret"}}}})", profile));
  put("tenants", "t1",
      fmt::format(R"({{"Name":"t1","Members":{{"machines":["{}"],"profiles":["mine"]}},"Users":["bob"]}})",
                  kKnownMachine));
  allow({{"*", "*", "*"}});
  const std::string path = std::string("/api/v3/machines/") + kKnownMachine;
  const auto add = [&](const std::string& profile) {
    return bob("PATCH", path, fmt::format(R"([{{"op":"add","path":"/Profiles/-","value":"{}"}}])", profile));
  };
  const Answer hidden = add("hidden"), absent = add("absent");
  EXPECT_EQ(hidden.status, 422);
  EXPECT_EQ(absent.status, 422);
  EXPECT_THAT(hidden.message(), HasSubstr("hidden"));
  std::string as_absent = hidden.message();
  as_absent.replace(as_absent.find("hidden"), 6, "absent");
  EXPECT_EQ(as_absent, absent.message());
  EXPECT_EQ(add("mine").status, 200);
  EXPECT_EQ(bob("PATCH", path, R"([{"op":"add","path":"/Description","value":"x"}])").status, 200)
      << "what somebody else referred to stays";
  EXPECT_EQ(bob("POST", "/api/v3/machines", R"({"Name":"new","Profiles":["hidden"]})").status, 422);
  EXPECT_EQ(bob("POST", "/api/v3/jobs", fmt::format(R"({{"Machine":"{}"}})", kHidden)).status, 422);
}

/// The owner would resolve names with this server's login.
TEST_F(IdentityTest, ReferencesElsewhereNeedTheRightToReadWhatTheyMayMean) {
  put("machines", kKnownMachine, machine("[]"), "A");
  const std::string path = std::string("/api/v3/machines/") + kKnownMachine;
  allow({{"machines,users", "*", "*"}});
  for (const std::string prefix : {"", "/A"}) {
    for (const char* patch : {R"([{"op":"add","path":"/Profiles/-","value":"secret"}])",
                              R"([{"op":"copy","from":"/Tasks","path":"/Profiles"}])",
                              R"([{"op":"replace","path":"","value":{"Profiles":["secret"]}}])",
                              R"([{"op":"add","path":"/Pro~0files","value":[]}])",
                              // As servers written in Go read it.
                              R"([{"op":"add","path":"/profiles","value":["secret"]}])",
                              R"([{"op":"add","path":"/Profile\u017f","value":["secret"]}])",
                              R"([{"op":"test","Op":"add","path":"/Profiles","value":["secret"]}])",
                              R"([{"op":"add","path":"/Meta","PATH":"/Profiles","value":["secret"]}])"})
      EXPECT_EQ(bob("PATCH", prefix + path, patch).status, 403) << prefix << patch;
    for (const char* body : {R"({"Name":"x","Stage":"s"})", R"({"Name":"x","stage":"s"})",
                             R"({"Name":"x","\u017ftage":"s"})", R"({"Stage":"","sTAGE":"s"})"})
      EXPECT_EQ(bob("PUT", prefix + path, body).status, 403) << prefix << body;
  }
  EXPECT_EQ(bob("POST", "/A/api/v3/users", R"({"Name":"eve","Roles":["superuser"]})").status, 403);
  EXPECT_EQ(bob("POST", "/A/api/v3/users", R"({"Name":"eve","roles":["superuser"]})").status, 403);
  EXPECT_EQ(sent(), 0U);
  const std::string patch = R"([{"op":"add","path":"/Description","value":"x"}])";
  EXPECT_EQ(bob("PATCH", path, patch).status, 200);
  ASSERT_EQ(sent(), 1U);
  EXPECT_EQ(fixture.manager.forwarded[0].body, patch);
  EXPECT_EQ(bob("POST", "/A/api/v3/users", R"({"Name":"eve","Roles":[]})").status, 200);
  allow({{"machines", "*", "*"}, {"*", "get", "*"}});
  EXPECT_EQ(bob("PATCH", path, R"([{"op":"add","path":"/Profiles/-","value":"p"}])").status, 200);
}

TEST_F(IdentityTest, AUserGetsNoRoleThatItMayNotRead) {
  put("roles", "all", R"({"Name":"all","Claims":[{"scope":"*","action":"*","specific":"*"}]})");
  ASSERT_EQ(fixture.call("POST", "/api/v3/users", R"({"Name":"bob","Roles":[]})").status, 201);
  allow({{"users", "get,update,create", "*"}});
  for (const char* role : {"all", "absent"}) {
    EXPECT_EQ(bob("PATCH", "/api/v3/users/bob",
                  fmt::format(R"([{{"op":"add","path":"/Roles/-","value":"{}"}}])", role))
                  .status,
              422);
    EXPECT_EQ(bob("POST", "/api/v3/users", fmt::format(R"({{"Name":"eve","Roles":["{}"]}})", role)).status,
              422);
  }
}

TEST_F(IdentityTest, TheServersOwnNameIsNobodys) {
  put("users", "system", R"({"Name":"system","Roles":[]})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/users/system/token").status, 404);
  put("users", "ann", R"({"Name":"ann","Roles":[]})");
  EXPECT_EQ(fixture.call("GET", "/api/v3/users/ann/token?roles=,").status, 400) << "no limit was meant";
}

TEST_F(IdentityTest, WhatAServerOnTheWayCallsByTheSameNameIsNotMeant) {
  fixture.manager.known["C"] = {.owner = "C", .in_touch = true, .next_hop = "C"};
  allow({{"*", "*", "*"}});
  EXPECT_EQ(bob("GET", "/A/C/api/v3/profiles/x").status, 200);
  ASSERT_EQ(sent(), 1U);
  EXPECT_EQ(fixture.manager.forwarded[0].owner, "C");
  EXPECT_EQ(fixture.manager.forwarded[0].target, "/api/v3/profiles/x");
}

TEST_F(IdentityTest, WhatTheServerFillsInIsNoReferenceOfTheCaller) {
  fixture.put_first_stage();
  allow({{"machines", "*", "*"}});
  const Answer made = bob("POST", "/api/v3/machines", R"({"Name":"new"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(bob("POST", "/api/v3/machines", R"({"Name":"other","Stage":"none"})").status, 422);
}

TEST_F(IdentityTest, AReferenceNeedsTheRightToRead) {
  fixture.put_first_stage();
  put("machines", kKnownMachine, machine("[]"));
  put("profiles", "secret", R"({"Name":"secret"})");
  allow({{"machines", "*", "*"}});
  const std::string path = std::string("/api/v3/machines/") + kKnownMachine;
  const std::string patch = R"([{"op":"add","path":"/Profiles/-","value":"secret"}])";
  EXPECT_EQ(bob("PATCH", path, patch).status, 422);
  allow({{"machines", "*", "*"}, {"profiles", "get", "secret"}});
  EXPECT_EQ(bob("PATCH", path, patch).status, 200);
}

}  // namespace
}  // namespace mullion::api
