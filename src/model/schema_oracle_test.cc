// Random small schemas and values; valijson says what is right.
// Without this the library ends the process when a schema is wrong.
#define VALIJSON_USE_EXCEPTIONS 1
#include <gtest/gtest.h>

#include <random>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "model/json_schema.h"
#include "model/model_testing.h"

namespace mullion::model {
namespace {

/// Keywords and values of which both implementations mean the same. The library compares 5 and 5.0 as
/// different, and cuts fractions before it divides: numbers are whole or end with .5, divisors are whole and
/// for whole numbers.
class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  json::value value(int depth) {
    switch (pick(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return pick(2) == 0;
      case 2:
      case 3:
        return static_cast<int64_t>(pick(6)) - 2;
      case 4:
        return pick(4) + 0.5;
      case 5:
        return json::value(text());
      case 6:
        return list([&] { return value(depth - 1); });
      default:
        return map([&] { return value(depth - 1); });
    }
  }

  json::value root() {
    json::object out = schema(3);
    out.erase("$ref");
    json::object definitions;
    for (const char* name : {"d", "e"}) definitions[name] = schema(1);
    for (auto& definition : definitions) without_references(definition.value());
    out["definitions"] = std::move(definitions);
    return out;
  }

 private:
  int pick(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  std::string text() {
    constexpr const char* kTexts[] = {"", "a", "b", "ab", "ää"};
    return kTexts[pick(5)];
  }
  std::string name() { return std::string(1, static_cast<char>('a' + pick(3))); }

  template <typename Make>
  json::array list(Make make) {
    json::array out;
    for (int i = pick(4); i > 0; --i) out.push_back(make());
    return out;
  }
  template <typename Make>
  json::object map(Make make) {
    json::object out;
    for (int i = pick(4); i > 0; --i) out[name()] = make();
    return out;
  }

  json::array names() {
    json::array out = list([&] { return json::value(name()); });
    return out;
  }

  json::value type() {
    constexpr const char* kTypes[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    if (pick(3) != 0) return json::value(kTypes[pick(7)]);
    return json::array{kTypes[pick(7)], kTypes[pick(7)]};
  }

  /// A boolean in place of a schema stands where the library takes it.
  json::value any_schema(int depth) {
    if (pick(8) == 0) return pick(2) == 0;
    return schema(depth);
  }
  json::array schemas(int depth) {
    json::array out{any_schema(depth)};
    while (pick(2) == 0) out.push_back(any_schema(depth));
    return out;
  }

  json::object schema(int depth) {
    json::object out;
    if (depth > 0 && pick(10) == 0) return {{"$ref", pick(2) == 0 ? "#/definitions/d" : "#/definitions/e"}};
    for (int i = pick(3) + 1; i > 0; --i) add_keyword(out, depth);
    if (out.contains("multipleOf")) out["type"] = "integer";
    return out;
  }

  void add_keyword(json::object& out, int depth) {
    switch (pick(depth > 0 ? 28 : 15)) {
      case 0:
      case 1:
        out["type"] = type();
        return;
      case 2:
        out["enum"] = json::array{value(1), value(1), value(0)};
        return;
      case 3:
        out["const"] = value(1);
        return;
      case 4:
        out["minimum"] = pick(3);
        return;
      case 5:
        out["maximum"] = pick(3);
        return;
      case 6:
        out["exclusiveMinimum"] = pick(3);
        return;
      case 7:
        out["exclusiveMaximum"] = pick(3);
        return;
      case 8:
        out["multipleOf"] = pick(3) + 1;
        return;
      case 9:
        out[pick(2) == 0 ? "minLength" : "maxLength"] = pick(3);
        return;
      case 10:
        out[pick(2) == 0 ? "minItems" : "maxItems"] = pick(3);
        return;
      case 11:
        out[pick(2) == 0 ? "minProperties" : "maxProperties"] = pick(3);
        return;
      case 12:
        out["required"] = names();
        return;
      case 13:
        out["uniqueItems"] = pick(2) == 0;
        return;
      case 14:
        out["pattern"] = pick(2) == 0 ? "^a" : "b$";
        return;
      case 15:
      case 16:
        out["properties"] = map([&] { return any_schema(depth - 1); });
        return;
      case 17:
        out["patternProperties"] = json::object{{pick(2) == 0 ? "^a" : "b", any_schema(depth - 1)}};
        return;
      case 18:
        out["additionalProperties"] = any_schema(depth - 1);
        return;
      case 19:
        out["items"] = any_schema(depth - 1);
        return;
      case 20:
        out["items"] = schemas(depth - 1);
        if (pick(2) == 0) out["additionalItems"] = any_schema(depth - 1);
        return;
      case 21:
        out["allOf"] = schemas(depth - 1);
        return;
      case 22:
        out["anyOf"] = schemas(depth - 1);
        return;
      case 23:
        out["oneOf"] = schemas(depth - 1);
        return;
      case 24:
        out["not"] = any_schema(depth - 1);
        return;
      case 25:
        out["if"] = any_schema(depth - 1);
        if (pick(2) == 0) out["then"] = any_schema(depth - 1);
        if (pick(2) == 0) out["else"] = any_schema(depth - 1);
        return;
      case 26:
        out["contains"] = any_schema(depth - 1);
        return;
      default:
        out["dependencies"] =
            json::object{{name(), pick(2) == 0 ? json::value(names()) : any_schema(depth - 1)}};
        return;
    }
  }

  /// What definitions refer to each other with would have no end.
  void without_references(json::value& node) {
    if (json::array* list = node.if_array()) {
      for (json::value& item : *list) without_references(item);
    } else if (json::object* object = node.if_object()) {
      object->erase("$ref");
      for (auto& member : *object) without_references(member.value());
    }
  }

  std::mt19937 random_;
};

bool expected(const json::value& schema, const json::value& value) {
  using valijson::adapters::BoostJsonAdapter;
  valijson::Schema compiled;
  valijson::SchemaParser().populateSchema(BoostJsonAdapter(schema), compiled);
  return valijson::Validator().validate(compiled, BoostJsonAdapter(value), nullptr);
}

TEST(JsonSchema, AgreesWithTheOracle) {
  Random random(42);
  int fitting = 0;
  int others = 0;
  for (int round = 0; round < 3'000; ++round) {
    const json::value schema = random.root();
    Budget compiling(kSchemaSteps);
    const auto compiled = JsonSchema::compile(schema, compiling);
    ASSERT_TRUE(compiled.ok()) << json::serialize(schema) << ": " << compiled.error().text();
    for (int i = 0; i < 8; ++i) {
      const json::value value = random.value(3);
      const bool fits = expected(schema, value);
      ++(fits ? fitting : others);
      Budget judging(kSchemaSteps);
      const Result<void> got = (*compiled)->check(value, judging);
      ASSERT_EQ(got.ok(), fits) << json::serialize(schema) << " " << json::serialize(value) << " "
                                << (got.ok() ? "" : got.error().text());
      ASSERT_FALSE(judging.exhausted());
    }
  }
  EXPECT_GT(fitting, 3'000);
  EXPECT_GT(others, 3'000);
}

}  // namespace
}  // namespace mullion::model
