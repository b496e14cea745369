// What this process has seen of another member.
#pragma once

#include <map>

#include "cluster/frame.h"

namespace mullion::cluster {

/// Remembers the most that each member has shown of itself, for as long as this process runs. Pure.
class Acquaintances {
 public:
  enum class Verdict {
    kKnown,    // the life that was met before, or a later one that has lost nothing
    kStale,    // an earlier life: what it says was said before it ended
    kAmnesia,  // shows less than before, or counts lives that another one counted
  };

  /// Judges a hello and, unless it was stale or amnesia, remembers it.
  Verdict meet(MemberId id, const Standing& shown) {
    Standing& known = seen_[id];
    if (known.incarnation == 0) return known = shown, Verdict::kKnown;
    if (shown.nonce == known.nonce) return raise(known, shown), Verdict::kKnown;
    if (shown.incarnation <= known.incarnation) return Verdict::kAmnesia;
    const bool forgot = shown.term < known.term || std::pair(shown.last_term, shown.last_index) <
                                                       std::pair(known.last_term, known.last_index);
    if (forgot) return Verdict::kAmnesia;
    return known = shown, Verdict::kKnown;
  }

  /// Anything but a hello: counts only when it comes from the life that was met last.
  Verdict hear(MemberId id, const Standing& shown) {
    const auto found = seen_.find(id);
    if (found == seen_.end() || found->second.nonce != shown.nonce) return Verdict::kStale;
    raise(found->second, shown);
    return Verdict::kKnown;
  }

 private:
  /// Messages overtake each other.
  static void raise(Standing& known, const Standing& shown) {
    known.term = std::max(known.term, shown.term);
    if (std::pair(shown.last_term, shown.last_index) > std::pair(known.last_term, known.last_index)) {
      known.last_term = shown.last_term;
      known.last_index = shown.last_index;
    }
  }

  std::map<MemberId, Standing> seen_;
};

}  // namespace mullion::cluster
