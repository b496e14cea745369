// Queries that are written down for later: what is wrong with them is to be known before they are relied on.
#pragma once

#include <string>
#include <string_view>

#include "store/query.h"
#include "store/store.h"

namespace mullion::content {

/// What makes `query_text` (`A=x&B=Gt(2)`, as in a URL) no query over `collection`; empty when nothing does.
/// Beside what Snapshot::query() refuses that is a name which is neither an index nor a Param that somebody
/// defined, here or at an endpoint: a filter by it fits every object or none, whatever it was meant to say.
/// Collections that are not known are not judged: their plugin may come yet. Costs no look at objects.
/// Throws store::ReadFailure.
std::string query_fault(const store::Snapshot& snapshot, std::string_view collection,
                        std::string_view query_text);

}  // namespace mullion::content
