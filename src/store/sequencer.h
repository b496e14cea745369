// Where the order of commits is made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/command.h"

namespace mullion::store {

/// How far a database has come in the order that the servers which keep it agree on. It is not the sequence
/// number: what concerns the servers alone takes places too. 0: in none, one server keeps it.
struct AgreedPlace {
  uint64_t index = 0;
  uint64_t term = 0;
  bool operator==(const AgreedPlace&) const = default;
};

/// What a database remembers of those who keep it, in the transaction of what stands at the place. The texts
/// are theirs: the store does not read them.
struct AgreedState {
  AgreedPlace place;
  std::string conf;     // who has a say
  std::string members;  // who they are
  bool operator==(const AgreedState&) const = default;
};

/// A step in that order; an absent text stays as it was.
struct AgreedStep {
  AgreedPlace place;
  std::optional<std::string> conf;
  std::optional<std::string> members;
};

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
  /// The place is stored with the group; 0 is not. It is none of an empty group.
  virtual Result<AgreedPlace> agree(const std::vector<Command>& group) = 0;
  /// The group, or the step (Store::step()), that was agreed last is in the database. Called before anybody
  /// else can write, unless the place was 0.
  virtual void committed(const AgreedPlace&) {}
  /// Whether other servers take part: a sequencer of one never keeps a command, and a group that it agreed
  /// may still fail here, for all of it.
  virtual bool shared() const = 0;
};

/// One server alone: the order is that in which its writer takes batches.
class LocalSequencer final : public Sequencer {
 public:
  Result<AgreedPlace> agree(const std::vector<Command>&) override { return AgreedPlace{}; }
  bool shared() const override { return false; }
};

}  // namespace mullion::store
