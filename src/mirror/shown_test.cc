#include "mirror/internal/shown.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

Collection known(std::string prefix) {
  const model::ObjectType* type = model::find_object_type(prefix);
  return {std::move(prefix), type};
}

Shown one(const Collection& collection, std::string_view text) {
  Result<Shown> shown = read_shown(collection, "site", text);
  EXPECT_TRUE(shown) << shown.error().text();
  return shown ? *shown : Shown();
}

TEST(ShownObjects, AreKeptVerbatimWithoutBlanksAndEndpoint) {
  const Shown shown = one(known("profiles"), R"( { "Endpoint" : "", "Name" : "a b" ,
      "Params" : { "x" : 1.50, "big" : 18446744073709551615 }, "Later" : [ 1e3, "\u00e9\/" ] } )");
  EXPECT_EQ(shown.owner, "site");
  EXPECT_EQ(shown.key, "a b");
  EXPECT_TRUE(shown.writable);
  EXPECT_EQ(shown.body,
            R"({"Name":"a b","Params":{"x":1.50,"big":18446744073709551615},"Later":[1e3,"\u00e9\/"]})");
}

TEST(ShownObjects, BelongToTheEndpointThatTheyName) {
  EXPECT_EQ(one(known("profiles"), R"({"Name":"a","Endpoint":"other"})").owner, "other");
  EXPECT_EQ(one(known("profiles"), R"({"Name":"a"})").owner, "site");
}

TEST(ShownObjects, OfPacksAreNotOfTheWritableLayer) {
  EXPECT_FALSE(one(known("stages"), R"({"Name":"a","ReadOnly":true,"Bundle":"pack"})").writable);
  EXPECT_TRUE(one(known("stages"), R"({"Name":"a","ReadOnly":false,"Bundle":"BackingStore"})").writable);
}

TEST(ShownObjects, HoldNoSecrets) {
  const Shown user = one(known("users"), R"({"Name":"ann","PasswordHash":"aGFzaA==","Secret":"s3cret"})");
  EXPECT_EQ(user.body.find("aGFzaA"), std::string::npos) << user.body;
  EXPECT_EQ(user.body.find("s3cret"), std::string::npos) << user.body;
  const Shown odd = one({"robots", nullptr}, R"({"Id":"r","Password":"p4ss","SecretHash":{"a":1}})");
  EXPECT_EQ(odd.body, R"({"Id":"r","Password":"","SecretHash":""})");
}

TEST(ShownObjects, PasswordsOfEndpointsInClearAreLeftOutAndSealedOnesStay) {
  const Shown clear = one(known("endpoints"),
                          R"({"Id":"e","Params":{"manager/password":"r0cket","manager/url":"https://x"}})");
  EXPECT_EQ(clear.body, R"({"Id":"e","Params":{"manager/url":"https://x"}})");
  const std::string sealed =
      R"({"Id":"e","Params":{"manager/password":{"Key":"a","Nonce":"b","Payload":"c"}}})";
  EXPECT_EQ(one(known("endpoints"), sealed).body, sealed);
}

TEST(ShownObjects, NamesCountHoweverTheyAreSpelt) {
  const Shown odd = one({"robots", nullptr}, R"({"Id":"r","\u0045ndpoint":"B","Pass\u0077ord":"p4ss",)"
                                             R"("P\u0061rams":{"manager\/password":"r0cket"},"\u0058":1})");
  EXPECT_EQ(odd.owner, "B");
  EXPECT_EQ(odd.body, R"({"Id":"r","Pass\u0077ord":"","P\u0061rams":{},"\u0058":1})");
}

TEST(ShownObjects, OfUnknownTypesHaveTheKeyThatIsThere) {
  const Collection alerts{"alerts", nullptr};
  EXPECT_EQ(one(alerts, R"({"Uuid":"u","Name":"n"})").key, "u");
  EXPECT_EQ(one(alerts, R"({"Id":"i","Name":"n"})").key, "i");
  EXPECT_EQ(one(alerts, R"({"Name":"n"})").key, "n");
  EXPECT_FALSE(read_shown(alerts, "site", R"({"Count":1})"));
}

TEST(ShownObjects, KeysAreThoseOfReplicas) {
  EXPECT_EQ(one(known("leases"), R"({"Addr":"10.0.0.1"})").key, replica_key(known("leases"), "10.0.0.1"));
  EXPECT_EQ(one(known("leases"), R"({"Addr":"10.0.0.1"})").key, replica_key(known("leases"), "0a000001"));
}

TEST(ShownLists, AreListsOrNothing) {
  const Collection profiles = known("profiles");
  const Result<std::vector<Shown>> list =
      read_list(profiles, "site", R"([{"Name":"a"}, {"Name":"b","Endpoint":"B"}])");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[1].owner, "B");
  for (const char* empty : {"[]", "null", " [ ] "}) {
    const Result<std::vector<Shown>> none = read_list(profiles, "site", empty);
    ASSERT_TRUE(none) << empty;
    EXPECT_TRUE(none->empty());
  }
  size_t unreadable = 0;
  const Result<std::vector<Shown>> some =
      read_list(profiles, "site", R"([{"Name":"a"},1,{},{"Name":"b"}])", &unreadable);
  ASSERT_TRUE(some);
  EXPECT_EQ(some->size(), 2U);
  EXPECT_EQ(unreadable, 2U) << "what cannot be read is passed over, and counted";
  for (const char* bad :
       {"", "{}", "[{\"Name\":\"a\"}", "[{\"Name\":\"a\"},]", "[{\"Name\":\"a\"}]]", "nul"}) {
    EXPECT_FALSE(read_list(profiles, "site", bad)) << bad;
  }
}

TEST(ShownLists, PassOverAKeyThatIsTooLongForTheStore) {
  const Collection profiles{"profiles", nullptr};
  const std::string list = R"([{"Name":"a"},{"Name":")" + std::string(481, 'k') + R"("},{"Name":")" +
                           std::string(480, 'k') + R"("}])";
  size_t unreadable = 0;
  const Result<std::vector<Shown>> shown = read_list(profiles, "site", list, &unreadable);
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->size(), 2U);
  EXPECT_EQ(unreadable, 1U);
}

TEST(Collections, ThatAreNoneOrStayAtHomeAreNotMirrored) {
  for (const char* prefix : {"machines", "alerts", "work_orders", "raid-configs"})
    EXPECT_TRUE(is_mirrored(prefix));
  for (const char* prefix : {"", "contents", "files", "preferences", "plugin_providers", "interfaces",
                             "../users", "a/b", "connections", "a b"}) {
    EXPECT_FALSE(is_mirrored(prefix)) << prefix;
  }
}

}  // namespace
}  // namespace mullion::mirror
