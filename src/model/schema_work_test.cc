// Schemas and values that are made to cost more than they look: each ends within its budget.
#include <gtest/gtest.h>

#include "model/json_schema.h"
#include "model/model_testing.h"

namespace mullion::model {
namespace {

struct Outcome {
  std::string trouble;  // "": the value fits
  uint64_t steps = 0;
};

Outcome outcome(const json::value& schema, const json::value& value, uint64_t steps = kSchemaSteps) {
  Budget compiling(steps);
  const auto compiled = JsonSchema::compile(schema, compiling);
  if (!compiled) return {compiled.error().messages.front(), compiling.used()};
  Budget judging(steps);
  const Result<void> fits = (*compiled)->check(value, judging);
  return {fits ? "" : fits.error().messages.front(), compiling.used() + judging.used()};
}

json::object reference(std::string_view name) { return {{"$ref", fmt::format("#/definitions/{}", name)}}; }

/// Definitions d0 to d(count-1); `next(i)` is the schema of the i-th.
template <typename Next>
json::value chain(size_t count, Next next) {
  json::object definitions;
  for (size_t i = 0; i + 1 < count; ++i) definitions[fmt::format("d{}", i)] = next(fmt::format("d{}", i + 1));
  definitions[fmt::format("d{}", count - 1)] = json::object();
  json::object schema = reference("d0");
  schema["definitions"] = std::move(definitions);
  return schema;
}

template <typename Make>
json::array repeated(size_t count, Make make) {
  json::array out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(make(i));
  return out;
}

json::object members(size_t count, const json::value& each) {
  json::object out;
  for (size_t i = 0; i < count; ++i) out[fmt::format("member-{}", i)] = each;
  return out;
}

json::value letters(size_t count, char letter, std::string_view end = "") {
  return json::value(std::string(count, letter) + std::string(end));
}

json::value nested(size_t depth) {
  json::value out = 1;
  for (size_t i = 0; i < depth; ++i) out = json::object{{"n", std::move(out)}};
  return out;
}

json::value twice(std::string_view keyword, std::string_view next) {
  return json::object{{keyword, {reference(next), reference(next)}}};
}

json::value numbered(size_t i) { return json::object{{"id", i}, {"name", fmt::format("item {}", i)}}; }

struct Hostile {
  std::string_view name;
  json::value schema;
  json::value value;
  std::string_view trouble;  // part of what is said; "": the value fits
};

constexpr std::string_view kTooMuch = "takes more than 5000000 steps";
constexpr std::string_view kEndless = "a reference leads back to itself";

std::vector<Hostile> references() {
  return {
      {"chain of references", chain(100'000, reference), 1, "more than 100000 parts"},
      {"shorter chain", chain(50'000, reference), 1, ""},
      {"nesting by references",
       chain(1'000,
             [](auto next) {
               return json::object{{"not", reference(next)}};
             }),
       1, "more than 128 schemas are nested"},
      {"dependencies on itself", json::parse(R"({"dependencies":{"a":{"$ref":"#"}}})"), {{"a", 1}}, kEndless},
      {"condition on itself", json::parse(R"({"if":true,"then":{"$ref":"#"}})"), 1, kEndless},
      {"doubling allOf", chain(60, [](auto next) { return twice("allOf", next); }), 1, kTooMuch},
      {"doubling oneOf", chain(60, [](auto next) { return twice("oneOf", next); }), 1, kTooMuch},
      {"doubling through the value", json::parse(R"({"allOf":[{"properties":{"n":{"$ref":"#"}}},
           {"properties":{"n":{"$ref":"#"}}}]})"),
       nested(60), kTooMuch},
      {"recursion into a deep value", json::parse(R"({"properties":{"n":{"$ref":"#"}}})"), nested(2'000),
       "nested deeper than 256"},
      {"deep value in an enumeration", json::parse(R"({"enum":[1]})"), nested(2'000),
       "nested deeper than 256"},
  };
}

std::vector<Hostile> products() {
  const json::array many = repeated(20'000, numbered);
  return {
      {"unique items", json::parse(R"({"uniqueItems":true})"), repeated(50'000, numbered), ""},
      {"enumeration by items", {{"items", {{"enum", many}}}}, many, ""},
      {"alternatives by items",
       {{"items",
         {{"anyOf", repeated(2'000,
                             [](size_t i) {
                               return json::object{{"const", i}};
                             })}}}},
       json::array(20'000, json::value(1'999)),
       kTooMuch},
      {"properties", {{"properties", members(50'000, json::object())}}, members(100'000, 1), ""},
      {"too many properties", {{"properties", members(100'000, json::object())}}, members(10, 1), "parts"},
      {"long required name",
       {{"items", {{"required", {std::string(1'000'000, 'r')}}}}},
       json::array(20'000, json::value(json::object{{"a", 1}})),
       "is required"},
      {"long name of a dependency",
       {{"items", {{"dependencies", {{std::string(1'000'000, 'd'), json::array{"x"}}}}}}},
       json::array(20'000, json::value(json::object{{"a", 1}})),
       kTooMuch},
      {"one text again and again",
       {{"allOf", json::array(5'000, json::value(json::object{{"minLength", 1}}))}},
       letters(1'000'000, 'x'),
       kTooMuch},
      {"one list again and again",
       {{"allOf", json::array(5'000, json::value(json::object{{"uniqueItems", true}}))}},
       many,
       kTooMuch},
  };
}

std::vector<Hostile> patterns() {
  json::object many;
  for (int i = 0; i < 100; ++i) many[fmt::format("^(a|b)*{}$", i)] = json::object();
  json::object too_many;
  for (int i = 0; i < 200; ++i) too_many[fmt::format("^{}$", i)] = json::object();
  const json::value named{{std::string(40, 'a') + "!", 1}};
  return {
      {"backtracking", {{"pattern", "^(a+)+$"}}, letters(100'000, 'a', "!"), "Does not match"},
      {"backtracking over names", {{"patternProperties", {{"^(a+)+$", json::object()}}}}, named, ""},
      {"long name",
       {{"patternProperties", {{"^(.|x)*$", json::object()}}}},
       {{std::string(300'000, 'a'), 1}},
       ""},
      {"name that must match", {{"propertyNames", {{"pattern", "^(a+)+$"}}}}, named, "does not match"},
      {"powers of counts", {{"pattern", "((a{0,100}){0,100}){0,100}"}}, "a", "pattern `"},
      {"large program", {{"pattern", "(\\pL{1,300}\\d{1,300})"}}, "a", "pattern too large"},
      {"long pattern", {{"pattern", letters(100'000, 'a')}}, "a", "is longer than 8192 bytes"},
      {"many patterns", {{"patternProperties", too_many}}, json::object(), "more than 128 patterns"},
      {"patterns by names", {{"patternProperties", many}}, members(100'000, 1), kTooMuch},
      {"long text by a large pattern",
       {{"pattern", "[a-z]{1,200}[0-9]{1,200}$"}},
       letters(2'000'000, 'x'),
       kTooMuch},
  };
}

TEST(SchemaWork, EndsWithinItsBudget) {
  for (const std::vector<Hostile>& kind : {references(), products(), patterns()}) {
    for (const Hostile& hostile : kind) {
      const Outcome got = outcome(hostile.schema, hostile.value);
      EXPECT_NE(got.trouble.find(hostile.trouble), std::string::npos)
          << hostile.name << ": " << got.trouble.substr(0, 200);
      EXPECT_EQ(got.trouble.empty(), hostile.trouble.empty())
          << hostile.name << ": " << got.trouble.substr(0, 200);
      EXPECT_LE(got.steps, 2 * kSchemaSteps) << hostile.name;
    }
  }
}

TEST(SchemaWork, GrowsWithTheValueAndNotWithItsSquare) {
  const auto unique = [](size_t size) {
    return outcome(json::parse(R"({"uniqueItems":true})"), repeated(size, numbered)).steps;
  };
  const auto chosen = [](size_t size) {
    const json::array items = repeated(size, numbered);
    return outcome({{"items", {{"enum", items}}}}, items).steps;
  };
  const auto named = [](size_t size) {
    return outcome({{"properties", members(size, json::object())}}, members(size, 1)).steps;
  };
  const auto chained = [](size_t size) { return outcome(chain(size, reference), 1).steps; };
  for (const std::function<uint64_t(size_t)>& steps :
       std::vector<std::function<uint64_t(size_t)>>{unique, chosen, named, chained}) {
    EXPECT_LE(steps(8'000), 10 * steps(1'000));
    EXPECT_GE(steps(8'000), 6 * steps(1'000));
  }
}

TEST(SchemaWork, SaysThatTheBudgetEnded) {
  const json::value schema = json::parse(R"({"items":{"type":"integer"}})");
  const json::value value = json::array(10'000, json::value(1));
  EXPECT_EQ(outcome(schema, value, 1'000).trouble,
            "(root): judging it by the schema takes more than 1000 steps");
  Budget budget(1'000);
  Budget compiling(kSchemaSteps);
  const Result<void> fits = (*JsonSchema::compile(schema, compiling))->check(value, budget);
  ASSERT_FALSE(fits.ok());
  EXPECT_EQ(fits.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(budget.exhausted());
  EXPECT_EQ(outcome(schema, value).trouble, "");
}

/// However a budget ends in the middle, nothing that does not fit is taken for fitting, nor the other way
/// round.
TEST(SchemaWork, NeverAnswersWrongWhenTheBudgetEnds) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {R"({"not":{"items":{"type":"integer"}}})", "[1,2,3]"},
      {R"({"not":{"not":{"items":{"type":"integer"}}}})", "[1,2,3]"},
      {R"({"oneOf":[{"items":{"type":"integer"}},{"items":{"minimum":1}}]})", "[1,2,3]"},
      {R"({"oneOf":[{"items":{"type":"null"}},{"items":{"minimum":1}}]})", "[1,2,3]"},
      {R"({"if":{"items":{"minimum":1}},"then":{"maxItems":9},"else":false})", "[1,2,3]"},
      {R"({"anyOf":[{"contains":{"const":3}},{"uniqueItems":true}]})", "[1,2,3]"},
      {R"({"patternProperties":{"^a":true},"additionalProperties":false})", R"({"ab":1,"ac":2})"},
  };
  for (const auto& [schema, value] : kCases) {
    const std::string truth = outcome(json::parse(schema), json::parse(value)).trouble;
    for (uint64_t steps = 0; steps < 200; ++steps) {
      const std::string told = outcome(json::parse(schema), json::parse(value), steps).trouble;
      EXPECT_TRUE(told == truth || told.find("takes more than") != std::string::npos)
          << schema << ": " << told;
    }
  }
}

}  // namespace
}  // namespace mullion::model
