// Where the order of commits is made.
#pragma once

#include <vector>

#include "base/result.h"
#include "store/command.h"

namespace mullion::store {

/// Makes the order in which commands are applied, by every server that keeps the same database, and answers
/// for their durability there. The store checks and applies a group in an open transaction, then agrees, then
/// commits: what is not agreed leaves nothing behind, and what can be refused is refused before.
class Sequencer {
 public:
  virtual ~Sequencer() = default;
  /// Called by the writer thread, one group at a time, each with the sequence numbers that follow those of
  /// the last agreed one. Returns when the group holds everywhere it has to, or the error why it never will:
  /// then every batch of the group, also one that was refused, is answered kUnavailable, because it was
  /// judged by a state that never came to be. An empty group asks only that: whether what was refused may be
  /// answered. The process ends when an agreed group cannot be committed here.
  virtual Result<void> agree(const std::vector<Command>& group) = 0;
  /// Whether other servers take part: a sequencer of one never keeps a command, and a group that it agreed
  /// may still fail here, for all of it.
  virtual bool shared() const = 0;
};

/// One server alone: the order is that in which its writer takes batches.
class LocalSequencer final : public Sequencer {
 public:
  Result<void> agree(const std::vector<Command>&) override { return {}; }
  bool shared() const override { return false; }
};

}  // namespace mullion::store
