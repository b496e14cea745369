// What a member that took over says of its database, at one place in the agreed order, for the others to
// compare theirs with. Digests of single collections are compared at each commit; this compares what no
// commit has touched for long as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/command.h"
#include "store/store.h"

namespace mullion::cluster {

struct TakeOverNote {
  uint64_t term = 0;
  uint64_t seq = 0;    // the commit after which the digest was made: the note is the next one
  std::string digest;  // hex
  bool operator==(const TakeOverNote&) const = default;
};

/// Of all objects, whoever owns them. Throws store::ReadFailure.
std::string digest_of_all(const store::Snapshot& snapshot);
/// As a private value, which is agreed on like others.
store::SecretChange note_change(const TakeOverNote& note);
/// What the command notes, when it does.
std::optional<TakeOverNote> note_in(const store::Command& command);

/// The newest note that a database holds: who found that it differs does not apply it. Throws
/// store::ReadFailure.
std::optional<TakeOverNote> note_in(const store::Snapshot& snapshot);

/// How a database stands to a note that comes next. Throws store::ReadFailure.
enum class Comparison { kEqual, kDiffers, kCannot };
Comparison compare_with(const TakeOverNote& note, uint64_t newest_seq, const store::Snapshot& snapshot);

}  // namespace mullion::cluster
