// What an endpoint keeps from whoever follows it by its public API, for its Endpoint object.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "env/clock.h"

namespace mullion::mirror {

/// A collection that cannot be read: objects of it may be missing, or old.
struct Trouble {
  std::string prefix, reason;
  env::WallTime since;
  bool operator==(const Trouble&) const = default;
};

struct Shortcomings {
  std::vector<Trouble> troubles;
  /// Why rights that are cut cannot be told from deletions; "" they can.
  std::string rights_unknown;
  bool operator==(const Shortcomings&) const = default;
};

/// Who follows, and what the connection before knew.
struct Known {
  std::string account;  // the name that the login belongs to
  Shortcomings shortcomings;
  std::function<void(Shortcomings)> tell = nullptr;  // they are others now; on any thread
};

}  // namespace mullion::mirror
