// Key pairs of objects as clients see them: told by reads, kept by writes.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "api/api_testing.h"
#include "api/internal/handlers.h"
#include "api/internal/routes.h"
#include "auth/auth.h"
#include "model/type_catalog.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;

class KeyPairsTest : public ::testing::Test {
 protected:
  KeyPairsTest() { fixture.put_raw("params", "", "pw", R"({"Name":"pw","Secure":true})"); }

  std::string key_of(const std::string& object) {
    const Answer answer = fixture.call("GET", "/api/v3/" + object + "/pubkey");
    EXPECT_EQ(answer.status, 200) << object << " " << answer.body;
    return answer.status == 200 ? std::string(answer.json().as_string()) : "";
  }

  /// The newest commit, once nothing that follows the log writes any more: some objects are judged anew.
  uint64_t sequence_at_rest() {
    uint64_t seen = 0;
    env::Duration quiet{};
    while (quiet < std::chrono::milliseconds(500)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      quiet = fixture.store->newest().seq == seen ? quiet + std::chrono::milliseconds(20) : env::Duration();
      seen = fixture.store->newest().seq;
    }
    return seen;
  }

  Fixture fixture;
};

/// The paths of GET that tell a public key, by collection: from the route table.
std::set<std::string> paths_of_keys() {
  std::set<std::string> paths;
  for (const Route& route : route_table()) {
    const bool tells =
        route.handler == &handlers::show_public_key || route.handler == &handlers::show_set_key;
    if (!tells) continue;
    EXPECT_EQ(route.methods, "GET") << "another method of " << route.pattern;
    for (const model::ObjectType& type : model::object_types()) {
      const bool fits = route.collection.empty() ? type.traits.has_params : route.collection == type.prefix;
      if (fits) paths.insert(std::string(type.prefix));
    }
  }
  return paths;
}

TEST_F(KeyPairsTest, ReadingAPublicKeyCommitsNothing) {
  const std::set<std::string> prefixes = paths_of_keys();
  EXPECT_GE(prefixes.size(), 8U);
  std::set<std::string> keys;
  for (const std::string& prefix : prefixes) {
    const model::ObjectType& type = *model::find_object_type(prefix);
    fixture.put_raw(prefix, "", "thing", fmt::format(R"({{"{}":"thing"}})", type.key_field));
  }
  const uint64_t before = sequence_at_rest();
  for (const std::string& prefix : prefixes) {
    const std::string key = key_of(prefix + "/thing");
    EXPECT_EQ(key_of(prefix + "/thing"), key) << prefix;
    EXPECT_TRUE(keys.insert(key).second) << "no key of another object: " << prefix;
    EXPECT_FALSE(auth::object_key_pair(*fixture.store, prefix, "thing")) << prefix;
  }
  key_of("version_sets/not-there-yet");
  EXPECT_EQ(fixture.store->newest().seq, before);
}

TEST_F(KeyPairsTest, WhatWasSealedForTheKeyThatWasToldIsTakenAndKeepsIt) {
  fixture.put_raw("profiles", "", "mine", R"({"Name":"mine"})");
  const std::string key = key_of("profiles/mine");
  const std::string sealed = *auth::seal_for(key, R"("hush")");
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles/mine/params/pw", sealed).status, 200);
  EXPECT_TRUE(auth::object_key_pair(*fixture.store, "profiles", "mine"));
  EXPECT_EQ(key_of("profiles/mine"), key);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/mine/params/pw?decode=true").body, R"("hush")");
}

// A set may name parameters that only its endpoints declare.
TEST_F(KeyPairsTest, WhatComesSealedKeepsTheKeyWhateverIsDeclared) {
  const std::string sealed = *auth::seal_for(key_of("version_sets/base"), R"("hush")");
  const std::string set = R"({"Id":"base","Global":{"unknown":)" + sealed + "}}";
  ASSERT_EQ(fixture.call("POST", "/api/v3/version_sets", set).status, 201);
  const Result<auth::KeyPair> pair = auth::object_key_pair(*fixture.store, "version_sets", "base");
  ASSERT_TRUE(pair);
  EXPECT_EQ(*auth::open_sealed(*pair, sealed), R"("hush")");
}

TEST_F(KeyPairsTest, AnObjectThatIsMadeAnewHasAnotherKey) {
  fixture.put_raw("profiles", "", "mine", R"({"Name":"mine"})");
  const std::string key = key_of("profiles/mine");
  const std::string sealed = *auth::seal_for(key, R"("hush")");
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles/mine/params/pw", sealed).status, 200);
  ASSERT_EQ(fixture.call("DELETE", "/api/v3/profiles/mine").status, 200);
  EXPECT_FALSE(auth::object_key_pair(*fixture.store, "profiles", "mine"));
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"mine"})").status, 201);
  EXPECT_NE(key_of("profiles/mine"), key);
  EXPECT_EQ(fixture.call("POST", "/api/v3/profiles/mine/params/pw", sealed).status, 422)
      << "what was sealed for the predecessor is worth nothing now";
}

TEST_F(KeyPairsTest, NamesThatNoObjectCanHaveHaveNoKey) {
  EXPECT_EQ(fixture.call("GET", "/api/v3/version_sets/" + std::string(2000, 'x') + "/pubkey").status, 422);
}

}  // namespace
}  // namespace mullion::api
