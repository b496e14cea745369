// Objects that must not vanish with a content pack because something of ours refers to them.
#pragma once

#include "content/internal/stack.h"
#include "store/store.h"

namespace mullion::content {

/// kConflict StillInUseError naming every object of `before` that is missing in `after` although machines or
/// preferences of this server use it.
Result<void> check_vanishing(const store::Snapshot& snapshot, const Stack& before, const Stack& after);

}  // namespace mullion::content
