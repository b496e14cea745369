// Queries that are written down for later: what is wrong with them is to be known before they are relied on.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/query.h"
#include "store/store.h"

namespace mullion::store {

/// What makes `parameters` (those of parse_query()) no query over `collection`; empty when nothing does.
/// Beside what Snapshot::query() refuses that is a name which is neither an index nor a Param that somebody
/// defined, here or at an endpoint: a filter by it fits every object or none, whatever it was meant to say.
/// Collections that are not known are not judged: their plugin may come yet. Costs no look at objects.
/// Throws ReadFailure.
std::string query_fault(const Snapshot& snapshot, std::string_view collection,
                        const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace mullion::store
