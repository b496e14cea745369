// Members of documents, JSON out, merges and patches.
#include "cli/documents/document.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

TEST(Documents, ScalarsAreJsonOrText) {
  EXPECT_EQ(scalar_argument("5"), json::value(5));
  EXPECT_EQ(scalar_argument("[1]"), json::parse("[1]"));
  EXPECT_EQ(scalar_argument("5 apples"), json::value("5 apples"));
}

TEST(Documents, GiveTheirMembers) {
  const json::value value = json::parse(R"({"a":"x","n":1,"l":["y",2]})");
  EXPECT_EQ(text_member(value, "a"), "x");
  EXPECT_EQ(text_member(value, "n"), "");
  EXPECT_EQ(texts_member(value, "l"), (std::vector<std::string>{"y", "2"}));
  EXPECT_TRUE(texts_member(value, "a").empty());
  EXPECT_EQ(member(value, "none"), nullptr);
  EXPECT_EQ(member(json::value("text"), "a"), nullptr);
}

TEST(PrettyJson, SortsKeysAndIndents) {
  EXPECT_EQ(pretty_json(json::parse(R"({"b":[],"a":{"d":1,"c":[1,"x"]},"e":{}})")),
            "{\n  \"a\": {\n    \"c\": [\n      1,\n      \"x\"\n    ],\n    \"d\": 1\n  },\n"
            "  \"b\": [],\n  \"e\": {}\n}");
  EXPECT_EQ(pretty_json(json::parse("[]")), "[]");
}

TEST(Merge, FoldsMapsAndRemovesNulls) {
  EXPECT_EQ(merge(json::parse(R"({"a":{"b":1,"c":2},"d":[1]})"),
                  json::parse(R"({"a":{"b":3,"e":4},"d":[2],"f":5})")),
            json::parse(R"({"a":{"b":3,"c":2,"e":4},"d":[2],"f":5})"));
  EXPECT_EQ(merge(json::parse(R"({"a":1,"b":2})"), json::parse(R"({"a":null})")), json::parse(R"({"b":2})"));
}

TEST(Patch, TestsWhatItChanges) {
  const json::value before = json::parse(R"({"a":1,"m":{"x/y":1,"z":2}})");
  const json::value after = json::parse(R"({"a":1,"b":"n","m":{"x/y":5}})");
  EXPECT_EQ(json::value(make_patch(before, after)), json::parse(R"([
    {"op":"add","path":"/b","from":"","value":"n"},
    {"op":"test","path":"/m/z","from":"","value":2},
    {"op":"remove","path":"/m/z","from":"","value":null},
    {"op":"test","path":"/m/x~1y","from":"","value":1},
    {"op":"replace","path":"/m/x~1y","from":"","value":5}])"));
  const json::array paranoid = make_paranoid_patch(before, after);
  EXPECT_EQ(paranoid[0], json::value(patch_operation("test", "", before)));
  EXPECT_EQ(paranoid.size(), 4U);
  EXPECT_TRUE(make_patch(before, before).empty());
}

}  // namespace
}  // namespace mullion::cli
