// From the JSON of a schema to its compiled form.
#pragma once

#include <memory>

#include "base/result.h"
#include "model/internal/schema_form.h"
#include "model/json_schema.h"

namespace mullion::model::internal {

/// See JsonSchema::compile().
Result<std::unique_ptr<SchemaForm>> compile_schema_form(const json::value& schema, Budget& budget);

}  // namespace mullion::model::internal
