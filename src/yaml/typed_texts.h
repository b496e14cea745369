// Scalars where an object type wants texts: what the field is for decides, as drpcli's decoder does.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "model/object_type.h"

namespace mullion::yaml {

/// What null becomes as a member of a map of texts: in a change it removes the member, in an object it is
/// empty.
enum class Nulls { kKeep, kEmptyText };

/// Turns numbers and booleans into their text wherever `fields` want one: in fields, lists and maps of texts,
/// also of nested types: `Version: 7` -> "7", `Meta: {a: true}` -> "true". Names of fields match in any case.
/// What no field describes (parameters) is left alone.
void spell_texts(std::span<const model::Field> fields, boost::json::object& object, Nulls nulls);

}  // namespace mullion::yaml
