// What Endpoint objects hold in secret, and the URLs that objects may name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* kSite = "/api/v3/endpoints/site";
constexpr const char* kPasswordParam = "/api/v3/endpoints/site/params/manager%2Fpassword";

class EndpointSecrets : public ::testing::Test {
 protected:
  Answer create(const std::string& params) {
    return fixture_.call("POST", "/api/v3/endpoints", R"({"Id":"site","Params":)" + params + "}");
  }
  /// The password is sealed in the answer, in the object, in lists and in the store, and nobody is shown it.
  void expect_sealed(const Answer& answer, const std::string& clear) {
    ASSERT_TRUE(answer.status == 200 || answer.status == 201) << answer.body;
    EXPECT_THAT(answer.body, Not(HasSubstr(clear)));
    EXPECT_THAT(fixture_.call("GET", kSite).body, Not(HasSubstr(clear)));
    EXPECT_THAT(fixture_.call("GET", "/api/v3/endpoints").body, Not(HasSubstr(clear)));
    EXPECT_THAT(*fixture_.store->snapshot()->get({"endpoints", "", "site"}), Not(HasSubstr(clear)));
    EXPECT_TRUE(fixture_.call("GET", kPasswordParam).json().as_object().contains("Payload"));
    EXPECT_TRUE(fixture_.call("GET", std::string(kPasswordParam) + "?decode=true")
                    .json()
                    .as_object()
                    .contains("Payload"));
  }

  testing::Fixture fixture_;
};

TEST_F(EndpointSecrets, ThePasswordIsSealedHoweverItComesIn) {
  expect_sealed(create(R"({"manager/password":"geheim1"})"), "geheim1");
  expect_sealed(fixture_.call("PATCH", kSite,
                              R"([{"op":"replace","path":"/Params/manager~1password","value":"geheim2"}])"),
                "geheim2");
  expect_sealed(fixture_.call("PUT", kSite, R"({"Id":"site","Params":{"manager/password":"geheim3"}})"),
                "geheim3");
  expect_sealed(fixture_.call("POST", kPasswordParam, R"("geheim4")"), "geheim4");
  expect_sealed(fixture_.call("PUT", kPasswordParam, R"("geheim5")"), "geheim5");
  const std::string params = std::string(kSite) + "/params";
  expect_sealed(fixture_.call("POST", params, R"({"manager/password":"geheim6"})"), "geheim6");
  expect_sealed(
      fixture_.call("PATCH", params, R"([{"op":"replace","path":"/manager~1password","value":"geheim7"}])"),
      "geheim7");
}

TEST_F(EndpointSecrets, NoDeclarationTakesTheSecrecyAway) {
  ASSERT_EQ(fixture_
                .call("POST", "/api/v3/params",
                      R"({"Name":"manager/password","Secure":false,"Schema":{"type":"string"}})")
                .status,
            201);
  expect_sealed(create(R"({"manager/password":"geheim"})"), "geheim");
  EXPECT_EQ(fixture_.call("POST", kPasswordParam, "5").status, 422);
}

TEST_F(EndpointSecrets, OtherObjectsSealItToo) {
  const Answer profile =
      fixture_.call("POST", "/api/v3/profiles", R"({"Name":"p1","Params":{"manager/password":"geheim"}})");
  EXPECT_EQ(profile.status, 201);
  EXPECT_THAT(profile.body, Not(HasSubstr("geheim")));
  const Answer set =
      fixture_.call("POST", "/api/v3/version_sets",
                    R"({"Id":"s","Global":{"manager/password":"geheim"},)"
                    R"("Plugins":[{"Name":"x","Provider":"x","Params":{"manager/password":"geheim"}}]})");
  EXPECT_EQ(set.status, 201) << set.body;
  EXPECT_THAT(set.body, Not(HasSubstr("geheim")));
}

TEST_F(EndpointSecrets, OnlyTheRightToSecretsOpensIt) {
  expect_sealed(create(R"({"manager/password":"geheim"})"), "geheim");
  fixture_.authenticator.users["reader"] = {{"endpoints", "list,get", "*"}};
  EXPECT_EQ(fixture_.call("GET", std::string(kPasswordParam) + "?decode=true", "", "reader").status, 403);
  EXPECT_THAT(fixture_.call("GET", "/api/v3/endpoints?decode=true", "", "reader").body,
              Not(HasSubstr("geheim")));
}

TEST_F(EndpointSecrets, UrlsWithALoginAreRefusedAndNotRepeated) {
  for (const char* url : {"https://ann:geheim@host:1", "https://geheim@host", "ftp://ann:geheim@host"}) {
    const Answer refused = create(fmt::format(R"({{"manager/url":"{}"}})", url));
    EXPECT_EQ(refused.status, 422) << refused.body;
    EXPECT_THAT(refused.body, HasSubstr("manager/url"));
    EXPECT_THAT(refused.body, Not(HasSubstr("geheim")));
  }
  ASSERT_EQ(create(R"({"manager/url":"https://host:1"})").status, 201);
  const Answer patched = fixture_.call(
      "PATCH", kSite, R"([{"op":"replace","path":"/Params/manager~1url","value":"https://a:geheim@host"}])");
  EXPECT_EQ(patched.status, 422);
  EXPECT_THAT(patched.body, Not(HasSubstr("geheim")));
}

TEST_F(EndpointSecrets, CatalogsAreReadOverHttpOnly) {
  const auto set = [this](std::string_view urls) {
    return fixture_.call("POST", "/api/v3/profiles/global/params/manager_catalog_urls", std::string(urls));
  };
  ASSERT_EQ(fixture_.call("POST", "/api/v3/profiles", R"({"Name":"global"})").status, 201);
  EXPECT_EQ(set(R"(["https://a/c.json#sha256=ab","http://b/c.json","self://c.json"])").status, 200);
  for (const char* urls : {R"("file:///etc/passwd")", R"(["https://ok/","ftp://host/geheim"])",
                           R"("https://ok/,https://ann:geheim@host/c.json")"}) {
    const Answer refused = set(urls);
    EXPECT_EQ(refused.status, 422) << urls;
    EXPECT_THAT(refused.body, HasSubstr("manager_catalog_urls"));
    EXPECT_THAT(refused.body, Not(HasSubstr("geheim")));
  }
}

/// Whoever may write parameters and not read secrets does not have the password sent to a server of theirs.
TEST_F(EndpointSecrets, ThePasswordGoesNowhereElseWithoutTheRightToSecrets) {
  ASSERT_EQ(
      create(R"({"manager/url":"https://host:1","manager/fingerprint":"aa","manager/password":"geheim"})")
          .status,
      201);
  fixture_.authenticator.users["bob"] = {{"endpoints", "get,update", "*"}};
  const auto bob = [this](const char* method, const std::string& path, const std::string& body) {
    return fixture_.call(method, path, body, "bob").status;
  };
  const std::string params = std::string(kSite) + "/params/manager%2F";
  const std::string elsewhere = R"([{"op":"replace","path":"/Params/manager~1fingerprint","value":"bb"}])";
  EXPECT_EQ(bob("PATCH", kSite, elsewhere), 403);
  EXPECT_EQ(bob("PUT", kSite, R"({"Id":"site","Params":{"manager/url":"https://b:1"}})"), 403);
  EXPECT_EQ(bob("POST", params + "fingerprint", R"("bb")"), 403);
  EXPECT_EQ(bob("DELETE", params + "fingerprint", ""), 403);
  EXPECT_EQ(bob("POST", params + "url", R"("https://other:1")"), 200) << "the same server at another address";
  EXPECT_EQ(bob("DELETE", params + "password", ""), 200);
  EXPECT_EQ(bob("PATCH", kSite, elsewhere), 403) << "a sealed one could be put back";
  fixture_.authenticator.users["bob"].push_back({"endpoints", "getSecure", "site"});
  EXPECT_EQ(bob("PATCH", kSite, elsewhere), 200);
}

TEST_F(EndpointSecrets, FingerprintsAreStoredInOneSpelling) {
  ASSERT_EQ(create(R"({"manager/fingerprint":"AB:CD:0F"})").status, 201);
  EXPECT_EQ(fixture_.call("GET", std::string(kSite) + "/params/manager%2Ffingerprint").body, R"("abcd0f")");
}

}  // namespace
}  // namespace mullion::api
