#include "yaml/typed_texts.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "model/object.h"

namespace mullion::yaml {
namespace {

namespace json = boost::json;
using model::Field;
using model::FieldKind;

/// A value for a field with a number wherever the field wants a text.
json::value with_numbers(const Field& field, int depth);

json::object object_with_numbers(std::span<const Field> fields, int depth) {
  json::object out;
  for (const Field& field : fields) out[field.name] = with_numbers(field, depth);
  return out;
}

json::value nested_with_numbers(std::string_view type, int depth) {
  const model::NestedType* nested = model::find_nested_type(type);
  if (nested == nullptr || depth == 0) return nullptr;
  return object_with_numbers(nested->fields, depth - 1);
}

json::value item_with_numbers(const Field& field, int depth) {
  if (!field.item_ref.empty()) return nested_with_numbers(field.item_ref, depth);
  return field.item_kind == FieldKind::kString ? json::value(7) : json::value(nullptr);
}

json::value with_numbers(const Field& field, int depth) {
  if (!field.ref.empty()) return nested_with_numbers(field.ref, depth);
  if (field.kind == FieldKind::kString) return 7;
  if (field.kind == FieldKind::kArray) return json::array{item_with_numbers(field, depth)};
  if (field.kind == FieldKind::kObject) return json::object{{"k", item_with_numbers(field, depth)}};
  return nullptr;
}

void expect_texts(std::span<const Field> fields, const json::object& object, const std::string& where);

void expect_item(const Field& field, const json::value& item, const std::string& where) {
  const model::NestedType* nested = model::find_nested_type(field.item_ref);
  if (nested != nullptr && item.is_object()) return expect_texts(nested->fields, item.get_object(), where);
  if (field.item_kind == FieldKind::kString && field.item_ref.empty()) {
    EXPECT_EQ(item, json::value("7")) << where;
  }
}

void expect_texts(std::span<const Field> fields, const json::object& object, const std::string& where) {
  for (const Field& field : fields) {
    const json::value& value = object.at(field.name);
    const std::string here = where + "." + std::string(field.name);
    const model::NestedType* nested = model::find_nested_type(field.ref);
    if (nested != nullptr && value.is_object()) expect_texts(nested->fields, value.get_object(), here);
    if (field.kind == FieldKind::kString && field.ref.empty()) {
      EXPECT_EQ(value, json::value("7")) << here;
    }
    if (value.is_array()) expect_item(field, value.get_array().at(0), here);
    if (field.ref.empty() && value.is_object()) expect_item(field, value.get_object().at("k"), here);
  }
}

TEST(TypedTexts, EveryTextFieldOfEveryType) {
  for (const model::ObjectType& type : model::object_types()) {
    json::object object = object_with_numbers(type.fields, 3);
    spell_texts(type.fields, object, Nulls::kKeep);
    expect_texts(type.fields, object, std::string(type.prefix));
  }
}

TEST(TypedTexts, WhatIsNoTextStays) {
  const model::ObjectType& machines = *model::find_object_type("machines");
  json::object object = json::parse(R"({"name":1.5,"Params":{"a":1,"b":true},"Runnable":true,"CurrentTask":3,
      "Meta":{"a":true,"b":null,"c":[1]},"Strange":5})")
                            .as_object();
  json::object kept = object;
  spell_texts(machines.fields, object, Nulls::kEmptyText);
  EXPECT_EQ(json::value(object),
            json::parse(R"({"name":"1.5","Params":{"a":1,"b":true},"Runnable":true,"CurrentTask":3,
      "Meta":{"a":"true","b":"","c":[1]},"Strange":5})"));
  spell_texts(machines.fields, kept, Nulls::kKeep);
  EXPECT_TRUE(kept.at("Meta").at("b").is_null()) << "in a change it removes the member";
}

}  // namespace
}  // namespace mullion::yaml
