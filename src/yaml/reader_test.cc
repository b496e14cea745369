#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "yaml/yaml.h"

namespace mullion::yaml {
namespace {

std::string as_json(std::string_view text) {
  const Result<json::value> value = read(text);
  return value ? json::serialize(*value) : value.error().text();
}

std::string refusal(std::string_view text) {
  const Result<json::value> value = read(text);
  EXPECT_FALSE(value) << text << " was read as " << json::serialize(*value);
  return value ? std::string() : value.error().messages.front();
}

struct Example {
  std::string_view text, json;
};

/// As drpcli (ghodss/yaml over yaml.v2 2.4) reads them; checked against that once, and by
/// tests/blackbox/test_yaml.py where Go is at hand.
constexpr Example kScalars[] = {
    {"1", "1"},
    {"-1", "-1"},
    {"+1", "1"},
    {"0755", "493"},
    {"0o17", "15"},
    {"0x1F", "31"},
    {"-0x10", "-16"},
    {"0b101", "5"},
    {"1_000", "1000"},
    {"08", "8E0"},
    {"0xZZ", "\"0xZZ\""},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"18446744073709551615", "18446744073709551615"},
    {"1.5", "1.5E0"},
    {".5", "5E-1"},
    {"1.", "1E0"},
    {"1e3", "1E3"},
    {"1e400", "\"1e400\""},
    {"1.2.3", "\"1.2.3\""},
    {"1:20", "\"1:20\""},
    {"2020-01-01", "\"2020-01-01\""},
    {"00:11:22:33:44:55", "\"00:11:22:33:44:55\""},
    {"yes", "true"},
    {"No", "false"},
    {"ON", "true"},
    {"off", "false"},
    {"y", "true"},
    {"tRUE", "\"tRUE\""},
    {"~", "null"},
    {"Null", "null"},
    {"'yes'", "\"yes\""},
    {"\"0755\"", "\"0755\""},
    {"!!str 12", "\"12\""},
    {"! 12", "\"12\""},
    {"!!int \"12\"", "12"},
    {"!!bool on", "true"},
    {"!!null ''", "null"},
    {"v1.2.3", "\"v1.2.3\""},
    {"=", "\"=\""},
    {"|\n  x\n  y", "\"x\\ny\\n\""},
};

TEST(YamlReader, ScalarsAreThoseOfDrpcli) {
  for (const Example& example : kScalars) {
    EXPECT_EQ(as_json("a: " + std::string(example.text) + "\n"), "{\"a\":" + std::string(example.json) + "}");
  }
}

TEST(YamlReader, JsonIsReadAsJson) {
  EXPECT_EQ(as_json(R"( {"a":[1,2],"b":"\ud83d\ude00\/"} )"), R"({"a":[1,2],"b":"😀/"})");
  EXPECT_EQ(as_json(R"(["yes", "0755", "<<"])"), R"(["yes","0755","<<"])");
  EXPECT_EQ(as_json("{a: yes}"), R"({"a":true})") << "flow style is YAML";
  EXPECT_EQ(read("{\"a\":").error().messages.front().substr(0, 12), "invalid JSON")
      << "what was meant is told";
  EXPECT_EQ(as_json(""), "null");
  EXPECT_EQ(as_json("# nothing\n"), "null");
}

TEST(YamlReader, MergeKeys) {
  constexpr std::string_view kBases = "b: &b {k: 1, l: 2}\nc: &c {l: 3, m: 4}\n";
  const auto merged = [&](std::string_view more) {
    const Result<json::value> value = read(std::string(kBases) + "d:\n" + std::string(more));
    EXPECT_TRUE(value) << value.error().text();
    return value->at("d");
  };
  EXPECT_EQ(merged("  <<: *b\n  z: 5\n"), json::parse(R"({"z":5,"k":1,"l":2})"));
  EXPECT_EQ(merged("  k: 9\n  <<: *b\n"), json::parse(R"({"k":9,"l":2})")) << "what is written counts";
  EXPECT_EQ(merged("  <<: [*b, *c]\n"), json::parse(R"({"k":1,"l":2,"m":4})"))
      << "the first of a list counts";
  EXPECT_EQ(merged("  \"<<\": 1\n"), json::parse(R"({"<<":1})")) << "quoted it is a key like any other";
  EXPECT_NE(refusal("a: {<<: 1}").find("line 1: a merge key"), std::string::npos);
}

TEST(YamlReader, KeysAreTexts) {
  EXPECT_EQ(as_json("1: a\n0x10: b\n1.5: c\non: d\n"), R"({"1":"a","16":"b","1.5":"c","true":"d"})");
  EXPECT_EQ(as_json("a: &k b\n*k : c\n"), R"({"a":"b","b":"c"})");
  refusal("? [a, b]\n: c");
  refusal("~: c");
}

TEST(YamlReader, NothingIsLostWithoutAWord) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "YAML: line 3: member `a` stands here a second time");
  EXPECT_EQ(refusal("m:\n  1: a\n  0x1: b\n"), "YAML: line 3: member `1` stands here a second time");
  EXPECT_EQ(refusal("{\"a\":1,\n\"b\":{\"a\":1},\n\"a\":2}"),
            "YAML: line 3: member `a` stands here a second time");
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n"),
            "YAML: line 2: a second document begins here, and only one is expected");
  EXPECT_EQ(as_json("---\na: 1\n---\n"), R"({"a":1})") << "nothing stands in the second document";
  EXPECT_EQ(as_json("--- {a: 1}\n...\n"), R"({"a":1})");
  EXPECT_EQ(refusal("a: !secret x"), "YAML: line 1: `x` cannot be read as !secret");
  EXPECT_EQ(refusal("a: !!set {x: }"), "YAML: line 1: tag !!set is not known here");
  EXPECT_EQ(refusal("a: !!int x"), "YAML: line 1: `x` cannot be read as !!int");
  EXPECT_EQ(refusal("a: .inf"), "YAML: line 1: `.inf` is a number that JSON cannot say; quote it");
}

TEST(YamlReader, AllDocuments) {
  const auto all = read_all("a: 1\n---\n---\nb: 2\n---\n- c\n");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ(all->at(2), json::parse(R"(["c"])"));
  EXPECT_TRUE(read_all("null")->empty());
  EXPECT_FALSE(read_all("a: 1\n---\nb: [\n"));
  EXPECT_FALSE(read_all("a: &x 1\n---\nb: *x\n")) << "anchors end with their document";
}

TEST(YamlReader, QuirksOfPublishedPacks) {
  EXPECT_EQ(as_json("a:\tb\r\nc:\r\n- d\r\n"), R"({"a":"b","c":["d"]})")
      << "tabs behind a colon, line ends of Windows";
  EXPECT_EQ(as_json("\xef\xbb\xbf"
                    "a: b"),
            R"({"a":"b"})")
      << "a byte order mark";
  EXPECT_EQ(as_json("a: b # c\n#d\n"), R"({"a":"b"})");
}

TEST(YamlReader, WhatIsNoYaml) {
  for (const std::string_view text : {"a: b: c", "a: [1, 2", "a: *nowhere", "a: \xff", "\xff: a", "a: \"x",
                                      "a:\n\tb: c", "[a] b", "a: &a [*a]", "a: \x01", "}"}) {
    EXPECT_FALSE(read(text)) << text;
  }
  EXPECT_EQ(refusal("a: 1\nb: [\n").substr(0, 22), "neither JSON nor YAML:");
}

TEST(YamlReader, EverythingIsBounded) {
  EXPECT_EQ(read(std::string(100'000, '[')).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read("a: " + std::string(100'000, '[')).error().code, ErrorCode::kTooLarge);
  std::string dashes;
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_FALSE(read(dashes + "x"));
  EXPECT_EQ(read("a: b" + std::string(size_t{65} << 20, ' ')).error().code, ErrorCode::kTooLarge);
  std::string nested = "1";
  for (int i = 0; i < 60; ++i) nested = "[" + nested + "]";
  EXPECT_TRUE(read("a: " + nested));
}

/// Each level names the one before ten times.
std::string bomb(std::string_view first, int levels, bool merging) {
  std::string text = "a0: &a0 " + std::string(first) + "\n";
  for (int i = 1; i < levels; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + (merging ? " {<<: [" : " [");
    for (int j = 0; j < 10; ++j) text += (j > 0 ? "," : "") + before;
    text += merging ? "]}\n" : "]\n";
  }
  return text;
}

TEST(YamlReader, AliasesDoNotExplode) {
  EXPECT_EQ(read(bomb("[x,x,x,x,x,x,x,x,x,x]", 12, false)).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read(bomb("{x: 1}", 12, true)).error().code, ErrorCode::kTooLarge) << "merged again and again";
  EXPECT_EQ(read(bomb(std::string(1 << 20, 'x'), 4, false)).error().code, ErrorCode::kTooLarge)
      << "few, but large";
  EXPECT_TRUE(read(bomb("{x: 1}", 4, false))) << "what people write";
}

}  // namespace
}  // namespace mullion::yaml
