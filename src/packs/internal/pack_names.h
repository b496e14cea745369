// The list of uploaded packs: secrets can be read by key only, so their keys are kept in one more.
#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace mullion::packs {

std::vector<std::string> stored_pack_names(const store::Snapshot& snapshot);
/// Adds or removes `name`, as part of `batch`.
void remember_pack_name(const store::Snapshot& snapshot, store::Batch& batch, const std::string& name,
                        bool present);

}  // namespace mullion::packs
