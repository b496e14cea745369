// What version sets and endpoints need of the catalog.
#pragma once

#include <vector>

#include "catalog/collection.h"
#include "store/store.h"

namespace mullion::apply {

/// Whatever version sets name and endpoints are about to be given: items as a plan resolves them, and files
/// of this server. Users are "version_sets/ID" and "endpoints/ID". Sets with faults count too: what they name
/// may be wanted tomorrow.
std::vector<catalog::Need> catalog_needs(const store::Snapshot& snapshot);

}  // namespace mullion::apply
