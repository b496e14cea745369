// Maps of texts in content packs, where packs hold other scalars.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "model/object_type.h"

namespace mullion::content {

/// Turns scalars of `map of string` fields, also of nested types, into their text: true -> "true", 7 -> "7",
/// null -> "". Clients decode these maps as texts and nothing else.
void spell_scalars(std::span<const model::Field> fields, boost::json::object& object);

}  // namespace mullion::content
