#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "yaml/yaml.h"

namespace mullion::yaml {
namespace {

void expect_same(const json::value& value) {
  const std::string text = write(value);
  const Result<json::value> again = read(text);
  ASSERT_TRUE(again) << again.error().text() << "\n" << text;
  EXPECT_EQ(*again, value) << text;
}

TEST(YamlWriter, IsReadable) {
  EXPECT_EQ(write(json::parse(R"({"b":[{"x":1,"z":"t"},2],"a":{"k":"v"},"e":[],"t":"l1\nl2\n","u":{}})")),
            "a:\n  k: v\nb:\n- x: 1\n  z: t\n- 2\ne: []\nt: |\n  l1\n  l2\nu: {}\n");
  EXPECT_EQ(write(json::parse(R"(["v1.2.3","10.0.0.1/24","a-b c","/dev/sda","ä",".hidden"])")),
            "- v1.2.3\n- 10.0.0.1/24\n- a-b c\n- /dev/sda\n- ä\n- .hidden\n");
}

TEST(YamlWriter, ComesBackEqual) {
  for (
      const char* text :
      {R"({"a":"true","b":"5","c":"","d":"~","e":"- x","f":"a: b","g":"a #b","h":"0x1f","i":"1:30"})",
       R"({"a":"x\n","b":"x\n\n","c":"\nx","d":" x\ny","e":"x\ny","f":"tab\there","g":"\u0001","h":"\tx\ny","i":"x\n\n \n"})",
       R"({"deep":[[1,[2]],{"a":[{"b":"x\ny"}]}],"empty":[{},[],null,true,1.5,-3,"ä"]})",
       R"({"key: odd":"x","*":"&a","@":"`b`","yes":"no","2020-01-01":"2020-01-01","h":"*.*","<<":1,"":2})",
       R"([18446744073709551615,-9223372036854775808,9007199254740993,1e22,1e-7,0.1,-0.5])",
       R"(["\u0085","\u2028","\u2029","\ufeff","\ufffe","\u007f","\u009f","a\rb","a\r\nb","x\u0085\ny",".inf","-.INF",".nan"])",
       R"("a\n---\nb")", R"("...")", R"("")", "5", "null", "[]", "{}"}) {
    expect_same(json::parse(text));
  }
}

TEST(YamlWriter, LongKeys) {
  json::object object;
  object[std::string(2000, 'k')] = json::parse(R"({"a":[1,{"b":2}]})");
  object[std::string(2000, 'l') + ": "] = json::array{json::object{{std::string(1500, 'm'), 1}}, "x"};
  object[std::string(2000, 'n')] = "x\ny";
  expect_same(object);
}

/// Texts made of what readers stumble over.
TEST(YamlWriter, GeneratedTexts) {
  static constexpr std::string_view kParts[] = {"a",
                                                "1",
                                                "0",
                                                "_",
                                                ".",
                                                "-",
                                                "+",
                                                "e",
                                                "x",
                                                ":",
                                                " ",
                                                "#",
                                                "\n",
                                                "\t",
                                                "'",
                                                "\"",
                                                "\\",
                                                "{",
                                                "}",
                                                "[",
                                                "]",
                                                ",",
                                                "&",
                                                "*",
                                                "!",
                                                "|",
                                                ">",
                                                "%",
                                                "@",
                                                "`",
                                                "?",
                                                "=",
                                                "<",
                                                "~",
                                                "yes",
                                                "null",
                                                "é",
                                                "\xc2\x85",
                                                "\xe2\x80\xa8",
                                                "\xef\xbb\xbf",
                                                "\xf0\x9f\x98\x80",
                                                "\r",
                                                "\x01"};
  std::mt19937 random(20261129);
  json::object object;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t parts = random() % 6; parts > 0; --parts) text += kParts[random() % std::size(kParts)];
    object[text] = json::array{text, json::object{{"in", text + "\n" + text}}};
  }
  expect_same(object);
}

TEST(YamlWriter, FractionsAreExactToTheLastPlace) {
  for (const std::string text : {"12e122", "-.0", "[-0.0]", "[1.7976931348623157e308]",
                                 "{\"a\":[0.1,2.2250738585072011e-308,12e122]}"}) {
    const Result<json::value> once = read(text);
    ASSERT_TRUE(once) << text;
    const Result<json::value> again = read(write(*once));
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(*once, *again) << text;
  }
  EXPECT_EQ(read("12e122")->get_double(), 12e122);
}

}  // namespace
}  // namespace mullion::yaml
