// Words that core, journal and member share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace mullion::cluster {

/// Members are numbered by whoever admits them, from 1; a number never comes twice. 0: nobody.
using MemberId = uint64_t;

/// Stands for a payload in the core: the bytes themselves stay in the journal.
struct Tag {
  uint64_t size = 0;
  Digest hash;
  bool operator==(const Tag&) const = default;
};
inline Tag tag_of(std::string_view payload) { return {payload.size(), hash128(payload)}; }

enum class EntryKind { kData, kChange, kEmpty };

/// One place in the agreed order. Places are not sequence numbers of the store: every new term and every
/// change of members takes one.
struct Entry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kEmpty;
  Tag tag;             // of kData
  std::string change;  // of kChange: as the core encoded it
  bool operator==(const Entry&) const = default;
};

/// What a member must not forget: the newest term it knows, whom it voted for in it, and up to where the
/// order is agreed.
struct HardState {
  uint64_t term = 0;
  MemberId vote = 0;
  uint64_t commit = 0;
  bool operator==(const HardState&) const = default;
};

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };
enum class ChangeKind { kAddLearner, kPromote, kRemove };

}  // namespace mullion::cluster
