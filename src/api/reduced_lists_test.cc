// What the web interface asks of lists: some members, counts by value, words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;

class ReducedLists : public ::testing::Test {
 protected:
  ReducedLists() {
    fixture.authenticator.users["bob"] = {{"machines", "*", "m2"}};
    fixture.authenticator.users["ann"] = {{"*", "*", "*"}};
    // In the order of the schema: the server judges these behind the test's back, and what it writes has that
    // order.
    put("m1", R"({"Name":"one","Uuid":"m1","Stage":"local","Params":{"p":1,"q":2},"OS":{"Name":"debian"}})");
    put("m2", R"({"Name":"two","Uuid":"m2","Stage":"local","Params":{},"OS":{"Name":"rocky"}})");
    put("m3", R"({"Name":"three","Description":"not two","Uuid":"m3","Stage":"none","Params":{}})", "A");
    fixture.put_raw("tenants", "", "t", R"({"Name":"t","Members":{"machines":["m1"]},"Users":["ann"]})");
  }
  void put(const std::string& key, const std::string& body, std::string_view owner = store::kOwn) {
    fixture.put_raw("machines", std::string(owner), key, body);
  }
  Answer get(const std::string& path, const std::string& user = "root") {
    return fixture.call("GET", "/api/v3/" + path, "", user);
  }
  std::string list(const std::string& query, const std::string& user = "root") {
    return get("machines?" + query, user).body;
  }

  Fixture fixture;
};

TEST_F(ReducedLists, FieldsLeaveTheKeyAndTheEndpoint) {
  EXPECT_EQ(list("fields=Name&limit=1"), R"([{"Name":"one","Uuid":"m1","Partial":true,"Endpoint":""}])");
  EXPECT_EQ(list("fields=OS.Name,Nowhere&Name=two"),
            R"([{"Uuid":"m2","OS":{"Name":"rocky"},"Partial":true,"Endpoint":""}])");
  EXPECT_EQ(list("fields=&Endpoint=A"), R"([{"Uuid":"m3","Partial":true,"Endpoint":"A"}])");
  EXPECT_EQ(get("machines/m1?fields=Stage").body,
            R"({"Uuid":"m1","Stage":"local","Partial":true,"Endpoint":""})");
}

TEST_F(ReducedLists, FieldsGoWithSlimAndParams) {
  EXPECT_EQ(list("fields=Params&params=q&Name=one"),
            R"([{"Uuid":"m1","Params":{"q":2},"Partial":true,"Endpoint":""}])");
  EXPECT_EQ(list("fields=Params.p&Name=one"),
            R"([{"Uuid":"m1","Params":{"p":1},"Partial":true,"Endpoint":""}])");
  EXPECT_EQ(list("fields=Params&slim=Params&Name=one"),
            R"([{"Uuid":"m1","Params":{},"Partial":true,"Endpoint":""}])");
}

TEST_F(ReducedLists, FieldsThatCannotBeMeantAreRefused) {
  for (const char* path : {"machines?fields=OS..Name", "machines/m1?fields=.OS"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 406) << path;
    EXPECT_THAT(answer.message(), HasSubstr("fields: a name is missing beside a dot"));
    EXPECT_EQ(answer.json().at("Model"), "machines");
  }
}

TEST_F(ReducedLists, SecretFieldsStaySecret) {
  // Its secret is made when it is created.
  ASSERT_EQ(fixture.call("POST", "/api/v3/users", R"({"Name":"eve"})").status, 201);
  const Answer answer = get("users/eve?fields=Name,PasswordHash,Secret");
  EXPECT_EQ(answer.body, R"({"Name":"eve","Secret":"","Endpoint":""})");
}

TEST_F(ReducedLists, GroupsCountByValueWithinTheRightsOfTheCaller) {
  const Answer answer = get("machines?group-by=Stage");
  EXPECT_EQ(answer.body, R"([{"Value":"local","Count":2},{"Value":"none","Count":1}])");
  EXPECT_EQ(answer.header("X-DRP-LIST-COUNT"), "2");
  EXPECT_EQ(answer.header("X-DRP-LIST-TOTAL-COUNT"), "3");
  EXPECT_EQ(answer.header("X-DRP-LIST-FILTER-COUNT"), "3");
  EXPECT_EQ(list("group-by=Endpoint"), R"([{"Value":"","Count":2},{"Value":"A","Count":1}])");
  EXPECT_EQ(list("group-by=Endpoint,Stage"),
            R"([{"Values":["","local"],"Count":2},{"Values":["A","none"],"Count":1}])");
  EXPECT_EQ(list("group-by=Stage&limit=1"),
            R"([{"Value":"local","Count":2},{"Rest":true,"Groups":1,"Count":1}])");
  EXPECT_EQ(list("group-by=Params"),
            R"([{"Value":null,"Count":2},{"Value":"p","Count":1},{"Value":"q","Count":1}])");
  const Answer bob = get("machines?group-by=Stage", "bob");
  EXPECT_EQ(bob.body, R"([{"Value":"local","Count":1}])");
  EXPECT_EQ(bob.header("X-DRP-LIST-TOTAL-COUNT"), "1") << "what may not be seen is not counted";
  EXPECT_EQ(list("group-by=Stage", "ann"), R"([{"Value":"local","Count":1}])");
  EXPECT_EQ(list("group-by=Stage", "nobody"), "[]");
}

TEST_F(ReducedLists, GroupsOfWhatHasNoIndexAreRefused) {
  const Answer answer = get("machines?group-by=Meta");
  EXPECT_EQ(answer.status, 406);
  EXPECT_EQ(answer.message(), "Meta is not an index of machines");
  EXPECT_EQ(answer.json().at("Type"), "GET");
  EXPECT_EQ(answer.json().at("Model"), "machines");
  EXPECT_EQ(get("machines?group-by=Stage&offset=5").status, 406);
}

TEST_F(ReducedLists, SearchesAreFilters) {
  const Answer answer = get("machines?search=TWO&fields=Name");
  EXPECT_EQ(answer.json().as_array().size(), 2U);
  EXPECT_EQ(answer.header("X-DRP-LIST-FILTER-COUNT"), "2");
  EXPECT_EQ(list("search=two&Endpoint=A&fields=Name"),
            R"([{"Name":"three","Uuid":"m3","Partial":true,"Endpoint":"A"}])");
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/machines?search=two").header("X-DRP-LIST-FILTER-COUNT"), "2");
  EXPECT_EQ(list("search=one", "bob"), "[]");
  EXPECT_EQ(list("search=two&group-by=Stage"), R"([{"Value":"local","Count":1},{"Value":"none","Count":1}])");
}

}  // namespace
}  // namespace mullion::api
