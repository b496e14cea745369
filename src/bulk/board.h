// Which objects of a frozen selection are next: their outcomes, and who is under way where. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bulk/outcome.h"

namespace mullion::bulk {

/// The objects of one owner: numbers begin .. end-1 of the selection, which is sorted by owner.
struct OwnerRange {
  std::string owner;  // "" this server
  uint64_t begin = 0, end = 0;
};

/// What may be begun now.
struct RoundLimits {
  size_t per_owner = 1;            // requests under way at each owner
  size_t together = 128;           // requests under way at all owners
  uint64_t requests = UINT64_MAX;  // of this round
  size_t looks = 2048;             // objects that are judged in this round
};

/// The outcome of every object, in memory: a byte each. For one user at a time.
class Board {
 public:
  /// What was kPending, and what a crash left as kRunning, is as `outcomes` says; ranges cover all of it.
  Board(std::vector<OwnerRange> owners, std::vector<Outcome> outcomes);

  uint64_t size() const { return outcomes_.size(); }
  const Counts& counts() const { return counts_; }
  Outcome outcome(uint64_t number) const { return outcomes_[number]; }
  const std::string& owner(uint64_t number) const { return owners_[owner_index(number)].range.owner; }
  std::vector<uint64_t> with(Outcome outcome) const;

  /// An outcome is known. A request that was under way is not any more.
  void settle(uint64_t number, Outcome outcome);
  /// The request of a kRunning object was not begun after all: it is pending again.
  void give_back(uint64_t number);
  /// What OutcomeEntry::again says is pending again; answers their numbers.
  std::vector<uint64_t> put_back();

  /// Looks at pending objects, owner by owner in turns, and asks `judge` about each: absent means that its
  /// request begins, and it is kRunning from now on. Answers what has changed.
  using Judge = std::function<std::optional<Verdict>(uint64_t number)>;
  struct Change {
    uint64_t number;
    Verdict verdict;  // kRunning: begin its request
  };
  std::vector<Change> round(const RoundLimits& limits, const Judge& judge);

 private:
  struct Queue {
    OwnerRange range;
    uint64_t next;  // no pending object of this owner has a smaller number
    size_t under_way = 0;
  };
  size_t owner_index(uint64_t number) const;
  void set(uint64_t number, Outcome outcome);

  std::vector<Queue> owners_;
  std::vector<Outcome> outcomes_;
  Counts counts_;
  size_t under_way_ = 0;
  size_t turn_ = 0;  // the owner that is looked at first
};

}  // namespace mullion::bulk
