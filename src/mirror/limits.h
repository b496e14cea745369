// What following one endpoint by its public API may cost that endpoint.
#pragma once

#include <cstddef>

#include "env/clock.h"

namespace mullion::mirror {

struct Limits {
  /// From the begin of one walk through all collections to the begin of the next.
  env::Duration walk_every = std::chrono::minutes(5);
  /// Between two requests of a walk, but those of the first one after connecting.
  env::Duration pause = std::chrono::seconds(1);
  /// Between two questions whether the endpoint is there and has told everything.
  env::Duration probe_every = std::chrono::seconds(2);
  /// Between two questions whether the account may still read what it read; each is about another collection.
  env::Duration rights_every = std::chrono::seconds(15);
  /// Requests under way; at least 2.
  size_t at_once = 4;
  bool operator==(const Limits&) const = default;
};

}  // namespace mullion::mirror
