// What this process has seen of another member.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cluster/frame.h"

namespace mullion::cluster {

/// Remembers the most that each member has shown of itself. Pure.
class Acquaintances {
 public:
  enum class Verdict {
    kKnown,    // the life that was met before, or a later one that has lost nothing
    kStale,    // an earlier life: what it says was said before it ended
    kAmnesia,  // shows less than before, or counts lives that another one counted
  };

  Acquaintances() = default;
  /// With what an earlier process of this member had seen.
  explicit Acquaintances(std::map<MemberId, Standing> seen) : seen_(std::move(seen)) {}

  const std::map<MemberId, Standing>& seen() const { return seen_; }

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

/// As a file.
std::string encode_met(const std::map<MemberId, Standing>& met);
/// What cannot be read is left out.
std::map<MemberId, Standing> decode_met(std::string_view text);

}  // namespace mullion::cluster
