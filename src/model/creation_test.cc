// What the tables of schema/ promise of new objects, tried row by row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "model/model_testing.h"

namespace mullion::model {
namespace {

using ::testing::ElementsAre;

/// What the members of a client's structures hold when nobody set them.
std::vector<json::value> zeros_of(FieldKind kind) {
  switch (kind) {
    case FieldKind::kString:
      return {nullptr, ""};
    case FieldKind::kInteger:
    case FieldKind::kNumber:
      return {nullptr, 0};
    case FieldKind::kBoolean:
      return {nullptr, false};
    case FieldKind::kArray:
      return {nullptr, json::array()};
    default:
      return {nullptr, json::object()};
  }
}

std::vector<const ObjectType*> all_types() {
  std::vector<const ObjectType*> out;
  for (const ObjectType& type : object_types()) out.push_back(&type);
  return out;
}

TEST(Creation, ZeroMeansAbsentWhereTheServerHasADefault) {
  size_t rows = 0;
  for (const ObjectType* type : all_types()) {
    for (const Field& field : type->fields) {
      if (!field.fill_empty) continue;
      for (const json::value& zero : zeros_of(field.kind)) {
        SCOPED_TRACE(fmt::format("{}.{}={}", type->prefix, field.name, json::serialize(zero)));
        json::object input;
        input[field.name] = zero;
        const Result<json::object> object = normalise(*type, input, nullptr);
        ASSERT_TRUE(object.ok()) << object.error().text();
        EXPECT_EQ(object->at(field.name), json::parse(field.default_json));
        ++rows;
      }
    }
  }
  EXPECT_GT(rows, 20u) << "the table is empty";
}

TEST(Creation, NullIsTheDefaultOfEveryFieldThatCannotBeNull) {
  for (const ObjectType* type : all_types()) {
    const Result<json::object> plain = normalise(*type, json::object(), nullptr);
    ASSERT_TRUE(plain.ok());
    for (const Field& field : type->fields) {
      if (field.nullable) continue;
      json::object input;
      input[field.name] = nullptr;
      const Result<json::object> object = normalise(*type, input, nullptr);
      ASSERT_TRUE(object.ok()) << type->prefix << "." << field.name;
      EXPECT_EQ(*object, *plain) << type->prefix << "." << field.name;
    }
  }
}

/// The member that a row of the table is about.
const json::value* member_at(const json::object& object, std::string_view path) {
  const size_t dot = path.find('.');
  const json::value* value = object.if_contains(path.substr(0, dot));
  if (dot == std::string_view::npos || value == nullptr) return value;
  return value->is_object() ? value->get_object().if_contains(path.substr(dot + 1)) : nullptr;
}

json::object input_with(std::string_view path, json::value value) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {{path, std::move(value)}};
  return {{path.substr(0, dot), json::object{{path.substr(dot + 1), std::move(value)}}}};
}

json::value created_with(const ObjectType& type, const json::object& input, std::string_view path) {
  Result<json::object> object = normalise(type, input, nullptr);
  EXPECT_TRUE(object.ok());
  if (!object) return nullptr;
  fill_new(type, *object);
  const json::value* value = member_at(*object, path);
  return value == nullptr ? json::value() : *value;
}

/// Something else of the same kind.
json::value other_than(const json::value& value) {
  if (value.is_bool()) return !value.get_bool();
  return "something-else";
}

TEST(Creation, TheServerWritesWhatTheTableSays) {
  size_t rows = 0;
  for (const ObjectType* type : all_types()) {
    for (const Creation& line : type->creation) {
      if (line.value_json.empty()) continue;
      SCOPED_TRACE(fmt::format("{}.{}", type->prefix, line.field));
      const json::value wanted = json::parse(line.value_json);
      EXPECT_EQ(created_with(*type, {}, line.field), wanted);
      if (wanted.is_string()) {
        EXPECT_EQ(created_with(*type, input_with(line.field, ""), line.field), wanted);
      }
      const json::value given = other_than(wanted);
      EXPECT_EQ(created_with(*type, input_with(line.field, given), line.field), line.always ? wanted : given);
      ++rows;
    }
  }
  EXPECT_GE(rows, 4u) << "the table is empty";
}

TEST(Creation, TakesFromOtherMembers) {
  size_t rows = 0;
  for (const ObjectType* type : all_types()) {
    for (const Creation& line : type->creation) {
      if (line.from.empty()) continue;
      SCOPED_TRACE(fmt::format("{}.{}", type->prefix, line.field));
      json::object input = input_with(line.from, "source");
      EXPECT_EQ(created_with(*type, input, line.field), json::value("source"));
      input[line.field] = "given";
      EXPECT_EQ(created_with(*type, input, line.field), json::value("given"));
      EXPECT_EQ(created_with(*type, {}, line.field), json::value(""));
      ++rows;
    }
  }
  EXPECT_GE(rows, 1u) << "the table is empty";
}

TEST(Creation, KeepsWhatStandsBesideAFlag) {
  const json::object input{{"Meta", json::object{{"a", "b"}}}};
  EXPECT_EQ(created_with(type_of("machines"), input, "Meta.a"), json::value("b"));
  EXPECT_EQ(created_with(type_of("machines"), input, "Meta.feature-flags"), json::value("change-stage-v2"));
}

json::value options_of(std::string_view input) {
  return created_with(type_of("subnets"), json::parse(input).as_object(), "Options");
}

TEST(Creation, SubnetsTellTheirMaskAndBroadcastAddress) {
  EXPECT_EQ(options_of(R"({"Subnet":"10.1.1.1/24"})"),
            json::parse(R"([{"Code":1,"Value":"255.255.255.0"},{"Code":28,"Value":"10.1.1.255"}])"));
  EXPECT_EQ(
      options_of(
          R"({"Subnet":"10.1.1.1/24","Options":[{"Code":3,"Value":"10.1.1.1"},{"Code":28,"Value":"10.1.1.0"}]})"),
      json::parse(
          R"([{"Code":3,"Value":"10.1.1.1"},{"Code":28,"Value":"10.1.1.0"},{"Code":1,"Value":"255.255.255.0"}])"))
      << "what is given stays";
  EXPECT_EQ(options_of(R"({"Subnet":"nonsense"})"), json::array());
}

TEST(Creation, EveryTypeThatClientsWriteIsStamped) {
  for (const ObjectType* type : all_types()) {
    if (!type->traits.client_create) continue;
    EXPECT_NE(type->find_field("CreatedAt"), nullptr) << type->prefix;
    ASSERT_FALSE(type->fields.empty());
    EXPECT_EQ(type->fields.front().name, "CreatedAt") << type->prefix << ": found at the beginning of a body";
    EXPECT_NE(type->find_index("LastModifiedAt"), nullptr) << type->prefix;
  }
  EXPECT_EQ(generic_object_type().fields.front().name, "CreatedAt");
}

TEST(Creation, StampsOfClientsAreIgnored) {
  const ObjectType& type = type_of("profiles");
  const json::object lie{{"Name", "p"}, {"CreatedBy", "mallory"}, {"LastModifiedAt", "2001-01-01T00:00:00Z"}};
  const Result<json::object> fresh = normalise(type, lie, nullptr);
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(fresh->at("CreatedBy"), json::value(""));
  EXPECT_EQ(fresh->at("LastModifiedAt"), json::value("0001-01-01T00:00:00Z"));
  json::object before = *fresh;
  before["CreatedBy"] = "ann";
  const Result<json::object> changed = normalise(type, lie, &before);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->at("CreatedBy"), json::value("ann"));
}

}  // namespace
}  // namespace mullion::model
