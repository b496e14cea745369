#include "yaml/typed_texts.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/text.h"
#include "model/object.h"

namespace mullion::yaml {

namespace {

namespace json = boost::json;
using model::Field;
using model::FieldKind;

void spell(json::value& value) {
  if (!value.is_number() && !value.is_bool()) return;
  std::string text;
  model::append_json(text, value);
  value = text;
}

void spell_nested(std::string_view type, json::value& value, Nulls nulls) {
  const model::NestedType* nested = type.empty() ? nullptr : model::find_nested_type(type);
  if (nested != nullptr && value.is_object()) spell_texts(nested->fields, value.get_object(), nulls);
}

void spell_item(const Field& field, json::value& item, Nulls nulls) {
  if (field.item_kind == FieldKind::kString && field.item_ref.empty()) return spell(item);
  spell_nested(field.item_ref, item, nulls);
}

void spell_field(const Field& field, json::value& value, Nulls nulls) {
  if (!field.ref.empty()) return spell_nested(field.ref, value, nulls);
  if (field.kind == FieldKind::kString) return spell(value);
  if (field.kind == FieldKind::kArray && value.is_array()) {
    for (json::value& item : value.get_array()) spell_item(field, item, nulls);
  }
  if (field.kind != FieldKind::kObject || !value.is_object()) return;
  for (auto& [key, item] : value.get_object()) {
    const bool empty = item.is_null() && field.item_kind == FieldKind::kString && nulls == Nulls::kEmptyText;
    if (empty) item = "";
    spell_item(field, item, nulls);
  }
}

bool is_name_of(const Field& field, std::string_view member) {
  return equal_ignoring_case(field.name, member);
}

}  // namespace

void spell_texts(std::span<const Field> fields, json::object& object, Nulls nulls) {
  for (auto& [name, value] : object) {
    const auto field =
        std::ranges::find_if(fields, [&](const Field& known) { return is_name_of(known, name); });
    if (field != fields.end()) spell_field(*field, value, nulls);
  }
}

}  // namespace mullion::yaml
