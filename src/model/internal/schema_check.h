// The judging of values by compiled schemas.
#pragma once

#include "base/result.h"
#include "model/internal/schema_form.h"
#include "model/json_schema.h"

namespace mullion::model::internal {

/// See JsonSchema::check().
Result<void> check_by_form(const SchemaForm& form, const json::value& value, Budget& budget);

}  // namespace mullion::model::internal
