#include "content/internal/text_maps.h"

#include <boost/json/array.hpp>

#include "model/object.h"

namespace mullion::content {

namespace {

namespace json = boost::json;

void spell(json::value& value) {
  if (value.is_null()) {
    value = "";
  } else if (value.is_primitive() && !value.is_string()) {
    std::string text;
    model::append_json(text, value);
    value = text;
  }
}

void spell_nested(std::string_view type, json::value& value) {
  const model::NestedType* nested = type.empty() ? nullptr : model::find_nested_type(type);
  if (nested != nullptr && value.is_object()) spell_scalars(nested->fields, value.get_object());
}

void spell_field(const model::Field& field, json::value& value) {
  if (!field.ref.empty()) return spell_nested(field.ref, value);
  if (value.is_array()) {
    for (json::value& item : value.get_array()) spell_nested(field.item_ref, item);
  } else if (value.is_object() && field.kind == model::FieldKind::kObject) {
    for (auto& [key, item] : value.get_object()) {
      if (field.item_kind == model::FieldKind::kString) spell(item);
      spell_nested(field.item_ref, item);
    }
  }
}

}  // namespace

void spell_scalars(std::span<const model::Field> fields, json::object& object) {
  for (const model::Field& field : fields) {
    if (json::value* value = object.if_contains(field.name)) spell_field(field, *value);
  }
}

}  // namespace mullion::content
