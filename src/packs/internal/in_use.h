// Objects that vanish with a content pack although something of ours refers to them.
#pragma once

#include "packs/internal/pack.h"
#include "packs/internal/stack.h"
#include "store/store.h"

namespace mullion::packs {

/// kConflict StillInUseError naming every object of `before` that is missing in `after` although machines or
/// preferences of this server use it.
Result<void> check_vanishing(const store::Snapshot& snapshot, const Stack& before, const Stack& after);

/// The same for preferences alone: what a pack drops while machines use it is warned about, but what every
/// unknown machine boots with stays.
Result<void> check_vanishing_preferences(const store::Snapshot& snapshot, const Stack& before,
                                         const Stack& after);

/// Own objects that refer to what `after` lacks, a few dozen at most.
std::vector<ObjectName> users_of_vanishing(const store::Snapshot& snapshot, const Stack& before,
                                           const Stack& after);

}  // namespace mullion::packs
