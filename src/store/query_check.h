// Whether a query that somebody wrote down for later means what it says.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.h"

namespace mullion::store {

/// What is wrong with a query about `prefix`, whose pairs are decoded, or "": its form, a name that is
/// neither an index nor a parameter declared here or at an endpoint, an argument that does not fit. Such a
/// name fits every object or none, whatever it was meant to say. Costs nothing: no object is looked at.
/// Collections that are known at run time only have no faults.
std::string query_fault(const Snapshot& snapshot, std::string_view prefix,
                        const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace mullion::store
