#include "manager/endpoint_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/auth.h"
#include "env/launch.h"
#include "model/object.h"
#include "store/meddled_testing.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

class StoredEndpoints : public ::testing::Test {
 protected:
  void put(const std::string& id, json::object params) {
    store::Batch batch;
    json::object endpoint{{"Id", id}, {"Params", std::move(params)}};
    batch.changes.push_back({{"endpoints", "", id}, json::serialize(endpoint)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  std::string body(const std::string& id) const {
    const std::optional<std::string> stored = store_->snapshot()->get({"endpoints", "", id});
    return stored ? *stored : "";
  }
  Result<Connection> connection(const std::string& id) const {
    return read_connection({*store_, folder_}, id, body(id));
  }

  const env::Path folder_ = "/trusted";
  env::Runtime runtime_{1};  // goes after the store, whose writer answers there
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
};

json::object params_of(std::string_view url, json::value password) {
  return {{kUrl, url}, {kUsername, "mgr"}, {kPassword, std::move(password)}};
}

TEST_F(StoredEndpoints, ClearPasswordsOfAnEarlierVersionAreSealedOnce) {
  put("a", params_of("https://a:1", "geheim"));
  put("b", {{kUrl, "https://b:1"}});
  put("c", params_of("https://ann:geheim@c:1", "geheim"));
  ASSERT_TRUE(seal_stored_passwords(*store_));
  for (const char* id : {"a", "c"}) {
    EXPECT_THAT(body(id), Not(HasSubstr("geheim")));
    const Result<Connection> opened = connection(id);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->password, "geheim");
  }
  EXPECT_EQ(connection("c")->url, "https://c:1") << "without the login";
  const store::Cursor sealed = store_->newest();
  ASSERT_TRUE(seal_stored_passwords(*store_));
  EXPECT_EQ(store_->newest(), sealed) << "nothing is left to do";
}

TEST_F(StoredEndpoints, ReplicasAreLeftToTheirOwners) {
  store::Batch batch;
  batch.origin = store::Origin{"r1", {1, 1}};
  batch.changes.push_back({{"endpoints", "r1", "x"}, R"({"Id":"x","Params":{"manager/password":"geheim"}})"});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  const store::Cursor before = store_->newest();
  ASSERT_TRUE(seal_stored_passwords(*store_));
  EXPECT_EQ(store_->newest(), before);
}

TEST_F(StoredEndpoints, RefusalsRepeatNoCredential) {
  for (const char* url : {"https://ann:geheim@host", "ftp://ann:geheim@host", "geheim", "http://geheim"}) {
    const Result<Connection> refused = read_connection({*store_, folder_}, "", params_of(url, "pw"));
    ASSERT_FALSE(refused) << url;
    EXPECT_THAT(refused.error().text(), Not(HasSubstr("geheim")));
  }
}

TEST_F(StoredEndpoints, FingerprintsAreComparedInOneSpelling) {
  json::object params = params_of("https://a:1", "pw");
  params[kFingerprint] = "AB:cd:0F ";
  EXPECT_EQ(read_connection({*store_, folder_}, "", params)->fingerprint, "abcd0f");
  json::value value("AB:CD");
  spell_connection_param(kFingerprint, value);
  EXPECT_EQ(value, "abcd");
  spell_connection_param(kUsername, value = "AB:CD");
  EXPECT_EQ(value, "AB:CD");
}

TEST_F(StoredEndpoints, WhatThatIsMissingOrMalformedIsNamed) {
  const auto refusal = [&](json::object params) {
    const Result<Connection> read = read_connection({*store_, folder_}, "", params);
    return read ? std::string() : read.error().text();
  };
  EXPECT_EQ(refusal(params_of("https://a:1", "pw")), "");
  EXPECT_THAT(refusal(params_of("https://a:1/x", "pw")), HasSubstr("manager/url"));
  EXPECT_THAT(refusal(params_of("http://a:1", "pw")), HasSubstr("manager/url"));
  EXPECT_THAT(refusal(params_of("https://a:1", "")), HasSubstr("manager/password: is empty"));
  EXPECT_THAT(refusal(params_of("https://a:1", 7)), HasSubstr("manager/password: expected a string"));
  EXPECT_THAT(refusal({{kUrl, "https://a:1"}, {kPassword, "pw"}}), HasSubstr("manager/username: is missing"));
  json::object params = params_of("https://a:1", "pw");
  params[kFingerprint] = 7;
  EXPECT_THAT(refusal(params), HasSubstr("manager/fingerprint: expected a string"));
  params[kFingerprint] = "";
  params[kAuthorities] = "../x";
  EXPECT_THAT(refusal(params), HasSubstr("manager/ca-file"));
  params[kAuthorities] = "x.pem";
  EXPECT_EQ(read_connection({*store_, folder_}, "", params)->authorities, folder_ / "x.pem");
  EXPECT_EQ(*checked_url("https://a"), "https://a:443");
}

TEST_F(StoredEndpoints, SealedPasswordsOpenOnlyForTheirObject) {
  put("a", params_of("https://a:1", "geheim"));
  ASSERT_TRUE(seal_stored_passwords(*store_));
  const json::value sealed = json::parse(body("a")).at("Params").at(kPassword);
  put("b", params_of("https://b:1", sealed));
  EXPECT_THAT(connection("b").error().text(), HasSubstr("manager/password"));
}

TEST_F(StoredEndpoints, WithoutSinglePaneTheConnectionSaysSo) {
  store::Batch batch;
  for (const auto& [id, disabled] : {std::pair("yes", json::value(true)), std::pair("no", json::value(false)),
                                     std::pair("odd", json::value(1))}) {
    const json::object endpoint{
        {"Id", id}, {"Params", params_of("https://a:1", "pw")}, {"SinglePaneDisabled", disabled}};
    batch.changes.push_back({{"endpoints", "", id}, json::serialize(endpoint)});
  }
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  EXPECT_FALSE(connection("yes")->single_pane);
  EXPECT_TRUE(connection("no")->single_pane);
  EXPECT_TRUE(connection("odd")->single_pane);
}

// ---- changes by this server, beside those of users

class ChangedEndpoints : public StoredEndpoints {
 protected:
  ChangedEndpoints() { write(1); }
  /// As somebody who changes the object at the same time.
  void write(int number) {
    store::Batch batch;
    const json::object endpoint{{"Id", "a"}, {"Description", fmt::format("number {}", number)}};
    batch.changes.push_back({{"endpoints", "", "a"}, json::serialize(endpoint)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  Result<void> set_status() {
    return env::run(runtime_, [&] {
      return change_endpoint(meddled_, "a",
                             [](json::object& endpoint) { endpoint["ConnectionStatus"] = "x"; });
    });
  }

  store::MeddledStore meddled_{*store_};
};

TEST_F(ChangedEndpoints, AChangeInBetweenIsNotUndone) {
  int times = 0;
  meddled_.meddle = [&] {
    if (++times <= 3) write(times + 1);
  };
  ASSERT_TRUE(set_status());
  EXPECT_THAT(body("a"), HasSubstr("number 4"));
  EXPECT_THAT(body("a"), HasSubstr(R"("ConnectionStatus":"x")"));
  EXPECT_EQ(times, 4);
}

TEST_F(ChangedEndpoints, WhatChangesAllTheTimeIsGivenUp) {
  int times = 0;
  meddled_.meddle = [&] { write(++times + 1); };
  const Result<void> done = set_status();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("changes all the time"));
  EXPECT_EQ(times, 16);
}

TEST_F(ChangedEndpoints, WhatWasRemovedInBetweenStaysAway) {
  meddled_.meddle = [&] {
    meddled_.meddle = nullptr;
    store::Batch batch;
    batch.changes.push_back({{"endpoints", "", "a"}, std::nullopt});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  };
  EXPECT_TRUE(set_status());
  EXPECT_EQ(body("a"), "");
}

TEST_F(ChangedEndpoints, NothingNewIsNotWritten) {
  ASSERT_TRUE(set_status());
  const store::Cursor before = store_->newest();
  ASSERT_TRUE(set_status());
  EXPECT_EQ(store_->newest(), before);
}

TEST(ReportedState, BecomesMembersOfTheObject) {
  json::object endpoint{{"Id", "a"}, {"Meta", {{"mine", "1"}}}};
  const auto apply = [&endpoint](std::string_view told) {
    apply_state(model::read_message<model::EndpointState>(told).value(), endpoint);
  };
  apply(R"({"info":{"arch":"amd64","os":"linux","version":"v1","ha_id":"h","id":7},
            "ux_version":"v2","configured_by":"M","components":[1,{"Name":"c","New":3}],"plugins":[2,{"Name":"p"}],
            "prefs":{"p":"1","q":2},"global":{"g":2}})");
  EXPECT_EQ(endpoint, json::parse(R"({"Id":"a","Meta":{"mine":"1","mullion/configured-by":"M"},"Arch":"amd64",
                                      "Os":"linux","DRPVersion":"v1","HaId":"h","DRPUXVersion":"v2",
                                      "Components":[{"Type":"","Name":"c","Version":"","New":3}],
                                      "Plugins":[{"Name":"p"}],"Prefs":{"p":"1"},"Global":{"g":2}})"));
  const json::value components = endpoint.at("Components");
  apply(R"({"configured_by":"","components":"wrong","prefs":null})");
  EXPECT_EQ(endpoint.at("Meta"), json::parse(R"({"mine":"1"})"));
  EXPECT_EQ(endpoint.at("Components"), components) << "what is malformed changes nothing";
  EXPECT_EQ(endpoint.at("Prefs"), json::parse(R"({"p":"1"})"));
}

TEST(Shortcomings, StandInTheObjectAsLongAsThereAreAny) {
  mirror::Shortcomings shortcomings;
  for (int i = 0; i < 12; ++i)
    shortcomings.troubles.push_back({fmt::format("c{:02}", i), "answers 500", env::WallTime{}});
  shortcomings.rights_unknown = "this account may not read tenants";
  json::object endpoint{{"Meta", {{"color", "black"}}}};
  tell_shortcomings(shortcomings, endpoint);
  const json::object& meta = endpoint["Meta"].get_object();
  const std::string troubles(meta.at(kFollowedTroubles).get_string());
  EXPECT_TRUE(
      troubles.starts_with("c00 cannot be read since 1970-01-01T00:00:00.000000000Z: answers 500; c01"))
      << troubles;
  EXPECT_TRUE(troubles.ends_with("; and 2 more")) << troubles;
  EXPECT_EQ(meta.at(kFollowedRights), "this account may not read tenants");
  tell_shortcomings({}, endpoint);
  EXPECT_EQ(json::serialize(endpoint), R"({"Meta":{"color":"black"}})");
}

TEST(MovedLogin, GoesToWhoIsNotKnownToBeTheSame) {
  const json::object pinned{{kUrl, "https://a:1"}, {kPassword, "p"}, {kFingerprint, "aa"}};
  const json::object trusted{{kUrl, "https://a:1"}, {kPassword, "p"}, {kAuthorities, "ca.pem"}};
  const auto with = [](json::object params, std::string_view name, json::value value) {
    if (value.is_null()) {
      params.erase(name);
    } else {
      params[name] = std::move(value);
    }
    return params;
  };
  struct Case {
    json::object before, after;
    bool moves;
  };
  const std::vector<Case> cases{
      {pinned, with(pinned, kUrl, "https://b:1"), false},
      {pinned, with(pinned, kFingerprint, "AA"), false},
      {pinned, with(pinned, kFingerprint, "bb"), true},
      {pinned, with(pinned, kFingerprint, nullptr), true},
      {pinned, with(pinned, kPassword, "other"), false},
      {with(pinned, kPassword, nullptr), with(pinned, kFingerprint, "bb"), true},
      {trusted, with(trusted, kUrl, "https://b:1"), true},
      {trusted, with(trusted, kUrl, nullptr), true},
      {trusted, with(trusted, kAuthorities, "other.pem"), true},
      {trusted, with(trusted, kUsername, "other"), false},
      {{}, trusted, false},
      {{{kPassword, "p"}}, pinned, true},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(moves_login({{"Params", one.before}}, {{"Params", one.after}}), one.moves)
        << json::serialize(one.before) << " " << json::serialize(one.after);
  }
}

TEST(AuthoritiesFile, OnlyFilesOfTheFolder) {
  const env::Path folder = "/var/lib/x/trust";
  EXPECT_EQ(*authorities_file(folder, "corp.pem"), folder / "corp.pem");
  EXPECT_EQ(*authorities_file(folder, "/var/lib/x/trust/corp.pem"), folder / "corp.pem");
  for (const std::string& name :
       {std::string("/etc/passwd"), std::string("../server.key"), std::string("a/b.pem"), std::string(".."),
        std::string("."), std::string("/var/lib/x/trust/../server.key"), std::string("/var/lib/x/trust/"),
        std::string("./corp.pem"), std::string("corp.pem\0x", 10), std::string("/var/lib/x/trust/a/b")}) {
    const Result<env::Path> refused = authorities_file(folder, name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().text(), authorities_file(folder, "/does/not/exist").error().text());
  }
}

TEST(EndpointObject, OtherMembersAreTriedOnlyWithTheCertificateThatIsKnown) {
  Connection connection;
  connection.url = "https://a:1";
  connection.members = {"https://a:1", "https://b:1"};
  EXPECT_TRUE(other_ways(connection).empty()) << "whoever answers there would get the login";
  connection.fingerprint = "ab";
  EXPECT_EQ(other_ways(connection), std::vector<std::string>{"https://b:1"});
  connection.authorities = "/authorities/a.pem";
  EXPECT_TRUE(other_ways(connection).empty());
}

TEST(EndpointObject, MembersThatAreToldAreKept) {
  json::object endpoint;
  const auto tell = [&](std::string_view text) {
    apply_state(model::read_message<model::EndpointState>(text).value(), endpoint);
  };
  tell(R"({"members":["https://a:1","no address",7,"https://b:1/"]})");
  EXPECT_EQ(endpoint["Meta"].as_object()["mullion/members"], "https://a:1,https://b:1");
  tell(R"({"info":{}})");
  EXPECT_TRUE(endpoint["Meta"].as_object().contains("mullion/members")) << "nothing was said of them";
  tell(R"({"members":[]})");
  EXPECT_FALSE(endpoint["Meta"].as_object().contains("mullion/members"));
}

}  // namespace
}  // namespace mullion::manager
