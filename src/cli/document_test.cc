// Documents in and out, merges and patches.
#include "cli/document.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

using ::testing::HasSubstr;

json::value read(std::string_view text) {
  Result<json::value> value = parse_document(text);
  if (!value) ADD_FAILURE() << value.error().text();
  return value ? *value : json::value();
}

TEST(Documents, AreJsonOrYaml) {
  const json::value expected = json::parse(R"({"Name":"x","Tasks":["a","b"],"N":5,"On":true,"No":null})");
  EXPECT_EQ(read(R"({"Name":"x","Tasks":["a","b"],"N":5,"On":true,"No":null})"), expected);
  EXPECT_EQ(read("Name: x\nTasks: [a, b]\nN: 5\nOn: true\nNo: ~\n"), expected);
  EXPECT_EQ(read("{Name: x}"), json::parse(R"({"Name":"x"})"));
  EXPECT_EQ(read("version: '5'"), json::parse(R"({"version":"5"})"));
  EXPECT_EQ(read("just text"), json::value("just text"));
  EXPECT_FALSE(parse_document("a: b: c"));
  EXPECT_FALSE(parse_document("{\"a\": "));
}

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

TEST(Yaml, IsReadableAndComesBackEqual) {
  EXPECT_EQ(yaml_text(json::parse(R"({"b":[{"x":1,"z":"t"},2],"a":{"k":"v"},"e":[],"t":"l1\nl2\n"})")),
            "a:\n  k: v\nb:\n- x: 1\n  z: t\n- 2\ne: []\nt: |\n  l1\n  l2\n");
  for (const char* text : {
           R"({"a":"true","b":"5","c":"","d":"~","e":"- x","f":"a: b","g":"a #b","h":"0x1f","i":"1:30"})",
           R"({"a":"x\n","b":"x\n\n","c":"\nx","d":" x\ny","e":"x\ny","f":"tab\there","g":"\u0001"})",
           R"({"deep":[[1,[2]],{"a":[{"b":"x\ny"}]}],"empty":[{},[],null,true,1.5,-3,"ä"]})",
           R"({"key: odd":"x","*":"&a","@":"`b`","yes":"no","2020-01-01":"2020-01-01","h":"*.*"})",
       }) {
    const json::value value = json::parse(text);
    EXPECT_EQ(read(yaml_text(value)), value) << yaml_text(value);
  }
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
