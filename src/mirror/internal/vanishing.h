// Whether what a walk does not show any more is to be believed gone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::mirror {

/// Objects that `info` of an endpoint counts, by collection.
using Counts = std::map<std::string, uint64_t, std::less<>>;

/// Keys that are here and that one walk through a collection did not show, up to a limit.
struct Missing {
  static constexpr size_t kMost = 50'000;
  std::vector<std::string> keys;
  bool more = false;  // than are remembered

  void add(const std::vector<std::string>& found);
};

/// What one walk through a collection shows less than is here, and what is known beside. Objects of which an
/// event told are not among it.
struct Vanishing {
  size_t held = 0;                  // objects of the collection that are here
  size_t vanished = 0;              // of these, not shown
  std::optional<uint64_t> counted;  // by the endpoint, see proves_counts()
  bool seen_before = false;         // the walk before saw the collection empty itself as well
  size_t forbidden = 0;             // of those that vanished: what the account may not read by its rights
};

enum class Belief {
  kAsk,        // each may be gone: it is asked for
  kWait,       // too many at once: the collection is walked through once more before they are asked for
  kFiltered,   // the endpoint counts what it does not show: the account may not see it any more
  kForbidden,  // by its own roles and tenant the account may not see it any more
};

/// At least so many, and half of a collection, do not go at once without an event unless a second walk says
/// so: that is what an account looks like whose rights were cut.
inline constexpr size_t kManyAtOnce = 10;

/// Pure. A count is believed only where it speaks against the list: an endpoint may count what the account
/// sees, no more.
Belief believe(const Vanishing& seen);

/// The collections of which the account sees all that the endpoint counts, after a walk that missed nothing:
/// from then on a count that is larger than the list tells of rights that were cut. `held`: objects that are
/// here, by collection. Machines at most: of others, packs may bring some that are counted and not held.
std::set<std::string> seen_wholly(const Counts& counted, const Counts& held);

}  // namespace mullion::mirror
