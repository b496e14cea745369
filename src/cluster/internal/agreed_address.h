// What the members agree on about the cluster's address, once it was changed: a private value of the
// database. Before, what each of them was enrolled with counts.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "store/command.h"
#include "store/store.h"

namespace mullion::cluster {

struct AgreedAddress {
  std::string address;  // with its prefix; a balancer's has none
  bool load_balanced = false;
  bool operator==(const AgreedAddress&) const = default;
};

/// Agrees on it, unless somebody else has agreed on another one meanwhile (kConflict). Blocks.
Result<void> agree_on_address(store::Store& store, const AgreedAddress& address);
bool changes_address(const store::Command& command);
/// Absent when it was never changed. Throws store::ReadFailure.
std::optional<AgreedAddress> agreed_address(const store::Snapshot& snapshot);
/// Of a database that a new cluster begins with. Blocks.
Result<void> forget_agreed_address(store::Store& store);

}  // namespace mullion::cluster
