#include "model/json_schema.h"

#include <gtest/gtest.h>

#include "model/model_testing.h"

namespace mullion::model {
namespace {

Result<void> compile_schema(const json::value& schema) {
  Budget budget(kSchemaSteps);
  const Result<std::shared_ptr<const JsonSchema>> compiled = JsonSchema::compile(schema, budget);
  return compiled ? Result<void>() : compiled.error();
}

Result<void> check_schema(const json::value& schema, const json::value& value) {
  Budget budget(kSchemaSteps);
  return check_by_schema(json::serialize(schema), value, budget);
}

std::string first_message(const Result<void>& result) {
  return result.ok() ? "" : result.error().messages.front();
}

std::string finding(std::string_view schema, std::string_view value) {
  return first_message(check_schema(json::parse(schema), json::parse(value)));
}

TEST(CheckSchema, WordsFindingsAsTheContract) {
  EXPECT_EQ(finding(R"({"type":"string"})", "[5]"), "(root): Invalid type. Expected: string, given: array");
  EXPECT_EQ(finding(R"({"type":"string"})", "true"),
            "(root): Invalid type. Expected: string, given: boolean");
  EXPECT_EQ(finding(R"({"type":"integer"})", "\"5\""),
            "(root): Invalid type. Expected: integer, given: string");
  EXPECT_EQ(finding(R"({"required":["Spotted"]})", "{}"), "(root): Spotted is required");
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

TEST(CheckSchema, SaysWhereAndWhat) {
  const std::pair<std::string_view, std::pair<std::string_view, std::string_view>> kCases[] = {
      {R"({"type":["string","null"]})",
       {"1", "(root): Invalid type. Expected: [string,null], given: integer"}},
      {R"({"enum":["a",2]})", {"3", "(root): Must be one of the following: \"a\", 2"}},
      {R"({"const":"a"})", {"3", "(root): Must be \"a\""}},
      {R"({"minimum":3})", {"2", "(root): Must be greater than or equal to 3"}},
      {R"({"minimum":3,"exclusiveMinimum":true})", {"3", "(root): Must be greater than 3"}},
      {R"({"exclusiveMinimum":3})", {"3", "(root): Must be greater than 3"}},
      {R"({"maximum":1.5})", {"2", "(root): Must be less than or equal to 1.5"}},
      {R"({"exclusiveMaximum":2})", {"2", "(root): Must be less than 2"}},
      {R"({"multipleOf":5})", {"7", "(root): Must be a multiple of 5"}},
      {R"({"minLength":3})", {R"("ää")", "(root): String length must be greater than or equal to 3"}},
      {R"({"maxLength":1})", {R"("ää")", "(root): String length must be less than or equal to 1"}},
      {R"({"pattern":"^a$"})", {R"("b")", "(root): Does not match pattern '^a$'"}},
      {R"({"minItems":1})", {"[]", "(root): Array must have at least 1 items"}},
      {R"({"maxItems":1})", {"[1,2]", "(root): Array must have at most 1 items"}},
      {R"({"uniqueItems":true})", {"[1,2,1.0]", "(root): array items[0,2] must be unique"}},
      {R"({"contains":{"type":"null"}})", {"[1]", "(root): At least one of the items must match"}},
      {R"({"items":[{},{"type":"null"}],"additionalItems":false})",
       {"[1,2]", "1: Invalid type. Expected: null, given: integer"}},
      {R"({"items":[{}],"additionalItems":false})", {"[1,2]", "1: nothing is allowed here"}},
      {R"({"minProperties":1})", {"{}", "(root): Must have at least 1 properties"}},
      {R"({"maxProperties":0})", {R"({"a":1})", "(root): Must have at most 0 properties"}},
      {R"({"additionalProperties":false,"properties":{"a":{}}})",
       {R"({"b":1})", "(root): Additional property b is not allowed"}},
      {R"({"patternProperties":{"^x":{"type":"null"}}})",
       {R"({"xy":1})", "xy: Invalid type. Expected: null, given: integer"}},
      {R"({"propertyNames":{"pattern":"^a"}})",
       {R"({"b":1})", "(root): Property name of \"b\" does not match"}},
      {R"({"dependencies":{"a":["b"]}})", {R"({"a":1})", "(root): Has a dependency on b"}},
      {R"({"dependencies":{"a":{"required":["b"]}}})", {R"({"a":1})", "(root): b is required"}},
      {R"({"allOf":[{},{"type":"null"}]})", {"1", "(root): Invalid type. Expected: null, given: integer"}},
      {R"({"anyOf":[{"type":"null"}]})", {"1", "(root): Must validate at least one schema (anyOf)"}},
      {R"({"oneOf":[{},{}]})", {"1", "(root): Must validate one and only one schema (oneOf)"}},
      {R"({"not":{}})", {"1", "(root): Must not validate the schema (not)"}},
      {R"({"if":{"type":"integer"},"then":{"minimum":2},"else":false})",
       {"1", "(root): Must be greater than or equal to 2"}},
      {R"({"if":{"type":"integer"},"then":{"minimum":2},"else":false})",
       {"null", "(root): nothing is allowed here"}},
      {R"({"properties":{"a":{"items":{"required":["b"]}}}})",
       {R"({"a":[{"b":1},{}]})", "a.1: b is required"}},
      {R"({"$ref":"#/definitions/a%20b","type":"null","definitions":{"a b":{"type":"string"}}})",
       {"1", "(root): Invalid type. Expected: string, given: integer"}},
  };
  for (const auto& [schema, expected] : kCases)
    EXPECT_EQ(finding(schema, expected.first), expected.second) << schema;
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
       R"({"properties":{"a":{"not":{"$ref":"#/properties/a"}}}})", R"({"dependencies":{"a":{"$ref":"#"}}})",
       R"({"if":{"$ref":"#"}})", R"({"definitions":{"a":{"pattern":"("}}})",
       R"({"patternProperties":{"(":{}}})"}) {
    EXPECT_FALSE(compile_schema(json::parse(schema)).ok()) << schema;
    EXPECT_FALSE(check_schema(json::parse(schema), json::parse(R"({"a":1})")).ok()) << schema;
  }
}

TEST(CompileSchema, NamesThePatternThatItCannotUse) {
  const auto trouble = [](std::string_view schema) {
    return first_message(compile_schema(json::parse(schema)));
  };
  EXPECT_TRUE(trouble(R"({"pattern":"^(?=a)b"})").starts_with("pattern `^(?=a)b`: "))
      << trouble(R"({"pattern":"^(?=a)b"})");
  EXPECT_TRUE(trouble(R"({"items":{"pattern":"(a)\\1"}})").starts_with("pattern `(a)\\1`: "));
  EXPECT_TRUE(trouble(R"({"patternProperties":{"(?<!a)b":{}}})").starts_with("pattern `(?<!a)b`: "));
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
    if (!compiled) {
      EXPECT_EQ(compiled.error().code, ErrorCode::kInvalid) << text;
    }
    (void)check_schema(schema, json::parse(R"({"a":[1,"x"]})"));
  }
  EXPECT_FALSE(compile_schema(json::parse(R"({"type":"nonsense"})")).ok());
}

TEST(RememberedSchema, IsCompiledOnce) {
  constexpr std::string_view kText = R"({"type":"string","title":"remembered once"})";
  Budget first(kSchemaSteps);
  const auto compiled = remembered_schema(kText, first);
  ASSERT_TRUE(compiled.ok());
  Budget second(0);
  const auto again = remembered_schema(kText, second);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*compiled, *again);
}

TEST(RememberedSchema, MakesRoom) {
  std::weak_ptr<const JsonSchema> first;
  for (int i = 0; i < 300; ++i) {
    Budget budget(kSchemaSteps);
    const auto schema = remembered_schema(fmt::format(R"({{"pattern":"room {}"}})", i), budget);
    ASSERT_TRUE(schema.ok());
    if (i == 0) first = *schema;
  }
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace mullion::model
