// One text for each JSON value, whatever the order of its members and the writing of its numbers.
#pragma once

#include <string>

#include "model/budget.h"
#include "model/object.h"

namespace mullion::model::internal {

/// Nesting that the judging of values by schemas follows.
constexpr size_t kDeepestJudged = 256;

/// Appends the canonical text of `value`: members sorted, 5.0 as 5. Equal values give equal texts, others
/// give others. False when the budget or the depth ended; then `out` is of no use.
bool append_canonical(std::string& out, const json::value& value, Budget& budget, size_t depth = 0);

}  // namespace mullion::model::internal
