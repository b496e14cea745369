#include <gtest/gtest.h>

#include "model/model_testing.h"

namespace mullion::model {
namespace {

std::string finding(std::string_view schema, std::string_view value) {
  const Result<void> result = check_schema(json::parse(schema), json::parse(value));
  return result.ok() ? "" : result.error().messages.front();
}

TEST(CheckSchema, WordsFindingsAsTheContract) {
  EXPECT_EQ(finding(R"({"type":"string"})", "[5]"), "(root): Invalid type. Expected: string, given: array");
  EXPECT_EQ(finding(R"({"type":"string"})", "true"),
            "(root): Invalid type. Expected: string, given: boolean");
  EXPECT_EQ(finding(R"({"type":"integer"})", "\"5\""),
            "(root): Invalid type. Expected: integer, given: string");
  EXPECT_EQ(finding(R"({"required":["Spotted"]})", "{}"), "Spotted: Spotted is required");
  EXPECT_EQ(finding(R"({"properties":{"Spotted":{"type":"boolean"}}})", R"({"Spotted":"x"})"),
            "Spotted: Invalid type. Expected: boolean, given: string");
  EXPECT_EQ(finding(R"({"items":{"type":"string"}})", R"(["a",1])"),
            "1: Invalid type. Expected: string, given: integer");
}

TEST(CheckSchema, Accepts) {
  EXPECT_EQ(finding("{}", "[1]"), "");
  EXPECT_EQ(finding(R"({"type":"number"})", "5"), "");
  EXPECT_EQ(finding(R"({"type":"integer"})", "5.0"), "");
  EXPECT_EQ(finding(R"({"items":{"properties":{"n":{"type":"integer"}}}})", R"([{"n":-2.0}])"), "");
  EXPECT_EQ(finding(R"({"enum":[5]})", "5.0"), "");
  EXPECT_EQ(finding(R"({"type":"string","enum":["a","b"]})", "\"a\""), "");
  EXPECT_EQ(finding(R"({"type":["string","null"]})", "null"), "");
  EXPECT_EQ(finding(R"({"type":"object","properties":{"pattern":{"type":"string"}}})", R"({"pattern":"x"})"),
            "");
}

TEST(CheckSchema, RefusesByEveryRule) {
  EXPECT_NE(finding(R"({"enum":["a","b"]})", "\"c\""), "");
  EXPECT_NE(finding(R"({"type":"integer","minimum":3})", "2"), "");
  EXPECT_NE(finding(R"({"type":"integer"})", "5.5"), "");
  EXPECT_NE(finding(R"({"type":"string","pattern":"^a+$"})", "\"b\""), "");
  EXPECT_NE(finding(R"({"additionalProperties":false,"properties":{"a":{}}})", R"({"b":1})"), "");
  EXPECT_NE(finding(R"({"$ref":"#/definitions/x","definitions":{"x":{"type":"string"}}})", "1"), "");
  EXPECT_NE(finding(R"({"type":["string","null"]})", "1"), "");
}

TEST(CheckSchema, LongTextsDoNotOverflowTheStack) {
  const json::value schema = json::parse(R"({"type":"string","pattern":"^(a|b)*$","format":"date-time"})");
  EXPECT_TRUE(check_schema(schema, json::value(std::string(2'000'000, 'a'))).ok());
}

TEST(CompileSchema, RefusesWhatCannotBeUsed) {
  for (
      std::string_view schema :
      {R"({"$ref":"#"})", R"({"allOf":[{"$ref":"#"}]})",
       R"({"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}})",
       R"({"$ref":"http://example.org/x.json"})", R"({"$ref":"#/nowhere"})", R"({"$ref":""})",
       R"({"properties":{"a":{"$ref":""}}})", R"({"pattern":"("})", R"({"type":"int-ger"})",
       R"({"multipleOf":0})", R"({"anyOf":[{"multipleOf":-1}]})",
       R"({"properties":{"a":{"type":"no such type"}}})",
       R"({"properties":{"a":{"not":{"$ref":"#/properties/a"}}}})"}) {
    EXPECT_FALSE(compile_schema(json::parse(schema)).ok()) << schema;
    EXPECT_FALSE(check_schema(json::parse(schema), json::parse(R"({"a":1})")).ok()) << schema;
  }
}

TEST(CompileSchema, AllowsRecursionIntoTheValue) {
  const std::string_view tree =
      R"({"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false})";
  EXPECT_TRUE(compile_schema(json::parse(tree)).ok());
  EXPECT_EQ(finding(tree, R"({"next":{"next":{}}})"), "");
  EXPECT_NE(finding(tree, R"({"next":{"other":{}}})"), "");
}

TEST(CompileSchema, SurvivesWhatTheLibraryRefuses) {
  for (std::string_view text :
       {R"({"type":"nonsense"})", R"({"type":7})", R"({"minimum":"x"})", R"({"required":7})", R"({"enum":7})",
        R"({"items":7})", R"({"properties":[]})", R"({"allOf":{}})", R"({"multipleOf":0})",
        R"({"minLength":-1})", R"({"dependencies":7})", R"({"additionalProperties":7})", R"({"not":7})"}) {
    const json::value schema = json::parse(text);
    const Result<void> compiled = compile_schema(schema);
    if (!compiled) EXPECT_EQ(compiled.error().code, ErrorCode::kInvalid) << text;
    (void)check_schema(schema, json::parse(R"({"a":[1,"x"]})"));
  }
  EXPECT_FALSE(compile_schema(json::parse(R"({"type":"nonsense"})")).ok());
}

}  // namespace
}  // namespace mullion::model
