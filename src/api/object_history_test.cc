#include "api/internal/object_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;

store::ObjectHistory::Change change_at(uint64_t seq, std::optional<std::string> body) {
  return {{1, seq}, env::WallTime{std::chrono::seconds(seq)}, std::move(body)};
}

TEST(ObjectHistory, ShowsWhatChangedNewestFirst) {
  store::ObjectHistory history;
  history.changes = {
      change_at(1,
                R"({"CreatedAt":"t1","LastModifiedAt":"t1","LastModifiedBy":"ann","Name":"a","Tags":["x"]})"),
      change_at(
          4,
          R"({"CreatedAt":"t1","LastModifiedAt":"t2","LastModifiedBy":"bob","Name":"b","OS":{"Name":"n"}})")};
  const json::object shown = shown_history(history, {});
  EXPECT_EQ(
      json::serialize(shown.at("Entries")),
      R"([{"Time":"1970-01-01T00:00:04.000000000Z","Commit":4,"Action":"save","By":"bob","Changes":[)"
      R"({"Path":"/Tags","From":["x"]},{"Path":"/Name","From":"a","To":"b"},{"Path":"/OS","To":{"Name":"n"}}]},)"
      R"({"Time":"1970-01-01T00:00:01.000000000Z","Commit":1,"Action":"create","By":"ann"}])");
  EXPECT_EQ(shown.at("Complete"), true);
  EXPECT_EQ(shown.at("More"), false);
}

TEST(ObjectHistory, SaysWhereItsKnowledgeEnds) {
  store::ObjectHistory history;
  history.changes = {change_at(5, R"({"CreatedAt":"t1","LastModifiedAt":"t2","Name":"a"})")};
  json::object shown = shown_history(history, {});
  EXPECT_EQ(shown.at("Complete"), false) << "the log begins behind its creation";
  EXPECT_EQ(shown.at("Entries").at(0).at("BeforeUnknown"), true);
  history.changes.push_back(change_at(6, R"({"Name":"b"})"));
  shown = shown_history(history, {.entries = 1});
  EXPECT_EQ(shown.at("More"), true);
  EXPECT_EQ(shown.at("Entries").as_array().size(), 1U);
  EXPECT_EQ(json::serialize(shown.at("Entries").at(0).at("Changes")),
            R"([{"Path":"/Name","From":"a","To":"b"}])");
  EXPECT_EQ(shown_history({}, {}).at("Complete"), false) << "nothing is known";
}

TEST(ObjectHistory, KeepsSecretsAndItsBounds) {
  const char* sealed = R"({"Key":"a2V5","Nonce":"bm9uY2U=","Payload":"cGF5bG9hZA=="})";
  store::ObjectHistory history;
  history.changes = {change_at(1, R"({"Params":{"a~/b":1,"s":"clear once","big":1}})"),
                     change_at(2, fmt::format(R"({{"Params":{{"a~/b":2,"s":{},"big":"{}"}}}})", sealed,
                                              std::string(5000, 'x')))};
  const json::object shown = shown_history(history, {});
  const std::string text = json::serialize(shown);
  EXPECT_THAT(text, HasSubstr(R"({"Path":"/Params/a~0~1b","From":1,"To":2})"));
  EXPECT_THAT(text, HasSubstr(R"("To":"********")"));
  EXPECT_THAT(text, HasSubstr(R"({"Path":"/Params/big","From":1,"To":null,"Large":true})"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("cGF5bG9hZA")));
  const json::object few = shown_history(history, {.members = 1});
  EXPECT_EQ(few.at("Entries").at(0).at("Changes").as_array().size(), 1U);
  EXPECT_EQ(few.at("Entries").at(0).at("More"), true);
}

TEST(ObjectHistory, WhatIsSecureNowWasNeverShown) {
  store::ObjectHistory history;
  history.changes = {change_at(1, R"({"Params":{"s":"first"},"Endpoints":[{"Params":{"s":"first"}}]})"),
                     change_at(2, R"({"Params":{"s":"second"},"Endpoints":[{"Params":{"s":"second"}}]})"),
                     change_at(3, R"({"Params":{},"Endpoints":[]})")};
  const HiddenParams hidden{{"Params", "Endpoints"}, {"s"}};
  const std::string text = json::serialize(shown_history(history, {}, hidden));
  EXPECT_THAT(text, HasSubstr(R"({"Path":"/Params/s","From":"********"})"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("first")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("second")));
  EXPECT_THAT(json::serialize(shown_history(history, {})), HasSubstr("second")) << "where it is not secure";
}

TEST(ObjectHistory, TellsNothingOfAnObjectThatWasRemovedBefore) {
  store::ObjectHistory history;
  history.changes = {change_at(1, R"({"Description":"theirs"})"), change_at(2, std::nullopt),
                     change_at(3, R"({"Description":"mine"})"), change_at(4, R"({"Description":"new"})")};
  history.more = true;
  const json::object shown = shown_history(history, {});
  EXPECT_THAT(json::serialize(shown), ::testing::Not(HasSubstr("theirs")));
  ASSERT_EQ(shown.at("Entries").as_array().size(), 2U);
  EXPECT_EQ(shown.at("Entries").at(1).at("Action"), "create");
  EXPECT_EQ(shown.at("Complete"), true);
  EXPECT_EQ(shown.at("More"), false);
  history.changes.push_back(change_at(5, std::nullopt));
  EXPECT_EQ(shown_history(history, {}).at("Entries"), json::array());
}

TEST(ObjectHistory, IsReadByWhoMayReadTheObject) {
  Fixture fixture;
  fixture.authenticator.users["bob"] = {{"profiles", "*", "first"}};
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"first"})").status, 201);
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"second"})").status, 201);
  ASSERT_EQ(
      fixture.call("PATCH", "/api/v3/profiles/first", R"([{"op":"add","path":"/Description","value":"new"}])")
          .status,
      200);
  const Answer answer = fixture.call("GET", "/api/v3/profiles/first/history", "", "bob");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json::array entries = answer.json().at("Entries").as_array();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].at("Action"), "save");
  EXPECT_EQ(entries[0].at("By"), "root");
  EXPECT_THAT(json::serialize(entries[0].at("Changes")), HasSubstr(R"("Path":"/Description")"));
  EXPECT_EQ(entries[1].at("Action"), "create");
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/second/history", "", "bob").status, 404);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/first/history?limit=x").status, 406);
  EXPECT_EQ(fixture.call("GET", "/api/v3/profiles/first/history?limit=1").json().at("More"), true);
}

}  // namespace
}  // namespace mullion::api
