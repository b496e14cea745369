#include "plugins/internal/provider_definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "plugins/internal/log_lines.h"
#include "plugins/providers.h"

namespace mullion::plugins {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string definition(const std::string& more) {
  return R"({"Name":"probe","Version":"v1.2.3","PluginVersion":4)" + (more.empty() ? "" : "," + more) + "}";
}

TEST(ProviderDefinition, IsReadAndCompleted) {
  auto read = read_definition(definition(R"("AutoStart":true,"HasPublish":true,"RequiredParams":["a/b"],
      "AvailableActions":[{"Provider":"lies","Model":"machines","Command":"go","RequiredParams":["p"]}],
      "StoreObjects":{"things":{"Size":{"type":"integer","isrequired":true}},"free":{}},"Content":"x: y")"),
                              "probe");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->auto_start && read->has_publish);
  ASSERT_EQ(read->actions.size(), 1U);
  EXPECT_EQ(read->actions[0].provider, "probe") << "filled by the server";
  EXPECT_EQ(json::value(read->object).at("AvailableActions").at(0).at("Provider"), "probe");
  EXPECT_THAT(read->actions[0].required, ElementsAre("p"));
  EXPECT_THAT(read->required, ElementsAre("a/b"));
  ASSERT_EQ(read->collections.size(), 2U);
  EXPECT_EQ(read->object.at("Content"), "") << "the content is in its layer";
  EXPECT_EQ(read->content, "x: y");
}

TEST(ProviderDefinition, DeclaresWhatItsTokenIsFor) {
  EXPECT_FALSE(read_definition(definition(""), "probe")->token);
  EXPECT_FALSE(read_definition(definition(R"("Meta":{"color":"red"})"), "probe")->token);
  const auto some = read_definition(
      definition(R"("Meta":{"token-scope":"machines,params","token-action":"get,list"})"), "probe");
  ASSERT_TRUE(some) << some.error().text();
  EXPECT_EQ(some->token, (TokenScope{"machines,params", "get,list", "*"}));
  const auto again = read_definition(json::serialize(some->object), "probe");
  ASSERT_TRUE(again) << "as it is stored";
  EXPECT_EQ(again->token, some->token);
  const auto empty = read_definition(definition(R"("Meta":{"token-scope":""})"), "probe");
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().text(), HasSubstr("token-scope is no text, or empty"));
}

TEST(ProviderDefinition, NonsenseIsRefusedWithItsReason) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "did not print a JSON object"},
      {"hello \x01 world", "did not print a JSON object but: hello . world"},
      {"[]", "did not print a JSON object"},
      {R"({"Name":"other","PluginVersion":4})", "calls itself `other`, not `probe`"},
      {R"({"PluginVersion":4})", "calls itself ``"},
      {R"({"Name":"probe"})", "PluginVersion must be 4"},
      {R"({"Name":"probe","PluginVersion":2})", "PluginVersion must be 4"},
      {R"({"Name":"probe","PluginVersion":"4"})", "PluginVersion must be 4"},
      {definition(R"("AvailableActions":"x")"), "AvailableActions: expected array"},
      {definition(R"("AvailableActions":[{"Command":""}])"), "not a name of a command"},
      {definition(R"("AvailableActions":[{"Command":"a/b"}])"), "not a name of a command"},
      {definition(R"("StoreObjects":{"machines":{}})"), "taken by the server"},
      {definition(R"("StoreObjects":{"info":{}})"), "taken by the server"},
      {definition(R"("StoreObjects":{"a b":{}})"), "not a name of a collection"},
      {definition(R"("StoreObjects":{"x":[]})"), "expected a map of properties"},
      {definition(R"("StoreObjects":{"x":{"p":1}})"), "p: expected a JSON Schema"},
  };
  for (const auto& [text, reason] : cases) {
    const auto read = read_definition(text, "probe");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(read.error().messages.front(), HasSubstr(reason));
  }
}

TEST(ProviderDefinition, LayerTakesMetaOfPackageAndDefaults) {
  auto read = read_definition(definition(R"("Meta":{"color":"blue","icon":"cog"})"), "probe");
  ASSERT_TRUE(read);
  const json::value plain = *layer_document(*read);
  EXPECT_EQ(plain.at("meta"),
            json::parse(R"({"Name":"probe","Type":"plugin","Version":"v1.2.3","Color":"blue",
      "Icon":"cog","Source":"FromPluginProvider","Description":"Content layer for probe plugin provider"})"));
  read->content =
      "meta: {Name: other, Type: dynamic, Description: mine, Color: red, Prerequisites: base}\nsections: "
      "{params: {}}";
  const json::value full = *layer_document(*read);
  EXPECT_EQ(full.at("meta").at("Name"), "probe");
  EXPECT_EQ(full.at("meta").at("Type"), "plugin");
  EXPECT_EQ(full.at("meta").at("Description"), "mine");
  EXPECT_EQ(full.at("meta").at("Color"), "red");
  EXPECT_EQ(full.at("meta").at("Prerequisites"), "base");
  EXPECT_TRUE(full.as_object().contains("sections"));
  read->content = "- a";
  EXPECT_FALSE(layer_document(*read));
}

TEST(LastWords, AreTheNewestLinesEscapedAndCut) {
  LastWords words;
  EXPECT_EQ(words.text(), "");
  words.add({"", "  "});
  EXPECT_EQ(words.text(), "");
  words.add({"one", "two"});
  words.add({"three\xff", " four \xe2\x80\xae", std::string(10000, 'x')});
  EXPECT_EQ(words.text(),
            "; it said: three\\xff / four \\u202e / " + std::string(LastWords::kLongestLine, 'x'));
}

TEST(LogLines, CutsBoundsAndHidesTheSecret) {
  LogLines lines("s3cret");
  const env::SteadyTime now{std::chrono::hours(1)};
  EXPECT_THAT(lines.add("one\r\ntw", now), ElementsAre("one"));
  EXPECT_THAT(lines.add("o\n\nmy s3cret\x1b[1m!\n", now), ElementsAre("two", "my ******** [1m!"));
  EXPECT_EQ(lines.add(std::string(10000, 'x') + "\n", now).front().size(), LogLines::kLongestLine);
  std::string flood;
  for (size_t i = 0; i < 2 * LogLines::kMostLines; ++i) flood += "y\n";
  EXPECT_LE(lines.add(flood, now).size(), LogLines::kMostLines);
  EXPECT_THAT(lines.add("later\n", now + LogLines::kPeriod),
              ElementsAre(HasSubstr("lines left out"), "later"));
  EXPECT_THAT(lines.add("end", now), IsEmpty());
  EXPECT_THAT(lines.finish(), ElementsAre("end"));
}

}  // namespace
}  // namespace mullion::plugins
