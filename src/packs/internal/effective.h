// From a stack to the objects it shows: validated against each other, and as changes against what the store
// has.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packs/internal/pack.h"
#include "packs/internal/stack.h"
#include "store/store.h"

namespace mullion::packs {

struct Effective {
  std::map<ObjectName, std::string> bodies;
  /// Layer name -> "PREFIX:KEY: message" of objects that are there but not Available.
  std::map<std::string, std::vector<std::string>> warnings;
};
Effective make_effective(const Stack& stack, const store::Snapshot& snapshot);

/// "PREFIX:KEY: message" of those own objects that do not fit `effective`.
std::vector<std::string> problems_of_own(const Effective& effective, const store::Snapshot& snapshot,
                                         const std::vector<ObjectName>& objects);

/// What has to change in the store (owner kLayered) so that it holds exactly `wanted`.
std::vector<store::Change> difference(const store::Snapshot& snapshot,
                                      const std::map<ObjectName, std::string>& wanted);

/// Whether the writable layer holds the object.
bool own_has(const store::Snapshot& snapshot, const ObjectName& name);
/// Removes what the writable layer holds of the objects of `layer`.
std::vector<store::Change> removals_of_own(const store::Snapshot& snapshot, const Layer& layer);
/// The whole must still hold when the commit happens: nobody may have created one of the keys meanwhile.
void guard_keys(store::Batch& batch, const Layer& layer);

}  // namespace mullion::packs
