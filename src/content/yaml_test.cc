#include "content/internal/yaml.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace mullion::content {
namespace {

std::string as_json(std::string_view yaml) {
  const auto parsed = parse_document(yaml);
  return parsed ? boost::json::serialize(*parsed) : parsed.error().text();
}

TEST(Yaml, Scalars) {
  EXPECT_EQ(
      as_json("a: 1\nb: '1'\nc: true\nd: ~\ne: 1.5\nf: v1.2.3\ng: \"\"\nh: 1.2.3\ni: yes\nj: -3\nk: 1e3\n"),
      R"({"a":1,"b":"1","c":true,"d":null,"e":1.5E0,"f":"v1.2.3","g":"","h":"1.2.3","i":"yes","j":-3,"k":1E3})");
  EXPECT_EQ(as_json("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), R"({"a":"x\ny\n","b":"x y"})");
  EXPECT_EQ(as_json("a: [1, {b: c}]"), R"({"a":[1,{"b":"c"}]})");
  EXPECT_EQ(as_json("!!str 5"), "\"5\"");
}

TEST(Yaml, JsonIsReadAsJson) {
  EXPECT_EQ(as_json(" {\"a\":[1,2]}"), R"({"a":[1,2]})");
  EXPECT_FALSE(parse_document("{\"a\":"));
}

TEST(Yaml, HostileDocuments) {
  EXPECT_FALSE(parse_yaml(std::string(100'000, '[')));
  EXPECT_FALSE(parse_yaml("a: [1, 2"));
  EXPECT_FALSE(parse_yaml("a: *nowhere"));
  EXPECT_FALSE(parse_yaml("? [a, b]\n: c"));
  EXPECT_FALSE(parse_yaml("a: \xff")) << "no JSON text can hold it";
  EXPECT_FALSE(parse_yaml("\xff: a"));
  std::string dashes;
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_FALSE(parse_yaml(dashes + "x"));
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j > 0 ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_FALSE(parse_yaml(bomb)) << "aliases that grow without end";
  EXPECT_FALSE(parse_yaml("a: &a [*a]"));
}

}  // namespace
}  // namespace mullion::content
