#include "bulk/board.h"

#include <algorithm>
#include <cassert>

namespace mullion::bulk {

Board::Board(std::vector<OwnerRange> owners, std::vector<Outcome> outcomes) : outcomes_(std::move(outcomes)) {
  for (OwnerRange& range : owners) {
    const uint64_t begin = range.begin;
    owners_.push_back({std::move(range), begin, 0});
  }
  for (uint64_t number = 0; number < outcomes_.size(); ++number) {
    ++counts_[outcomes_[number]];
    if (outcomes_[number] != Outcome::kRunning) continue;
    ++owners_[owner_index(number)].under_way;
    ++under_way_;
  }
}

size_t Board::owner_index(uint64_t number) const {
  const auto after =
      std::ranges::upper_bound(owners_, number, {}, [](const Queue& queue) { return queue.range.begin; });
  assert(after != owners_.begin());
  return static_cast<size_t>(after - owners_.begin()) - 1;
}

std::vector<uint64_t> Board::with(Outcome outcome) const {
  std::vector<uint64_t> out;
  if (counts_[outcome] == 0) return out;
  for (uint64_t number = 0; number < outcomes_.size(); ++number) {
    if (outcomes_[number] == outcome) out.push_back(number);
  }
  return out;
}

void Board::set(uint64_t number, Outcome outcome) {
  --counts_[outcomes_[number]];
  ++counts_[outcome];
  outcomes_[number] = outcome;
}

void Board::settle(uint64_t number, Outcome outcome) {
  if (outcomes_[number] == Outcome::kRunning) {
    --owners_[owner_index(number)].under_way;
    --under_way_;
  }
  set(number, outcome);
}

void Board::give_back(uint64_t number) {
  settle(number, Outcome::kPending);
  Queue& queue = owners_[owner_index(number)];
  queue.next = std::min(queue.next, number);
}

std::vector<uint64_t> Board::put_back() {
  std::vector<uint64_t> out;
  for (uint64_t number = 0; number < outcomes_.size(); ++number) {
    if (!entry_of(outcomes_[number]).again) continue;
    set(number, Outcome::kPending);
    out.push_back(number);
  }
  for (Queue& queue : owners_) queue.next = queue.range.begin;
  return out;
}

std::vector<Board::Change> Board::round(const RoundLimits& limits, const Judge& judge) {
  std::vector<Change> out;
  uint64_t requests = limits.requests;
  const size_t owners = owners_.size();
  for (size_t i = 0; i < owners; ++i) {
    Queue& queue = owners_[(turn_ + i) % owners];
    // Each owner gets its share of the looks, so that a long queue does not keep the others waiting.
    const size_t share = std::max<size_t>(1, limits.looks / owners);
    for (size_t looks = 0; looks < share && queue.next < queue.range.end;) {
      const bool full = requests == 0 || under_way_ >= limits.together || queue.under_way >= limits.per_owner;
      if (full) break;
      const uint64_t number = queue.next++;
      if (outcomes_[number] != Outcome::kPending) continue;
      ++looks;
      std::optional<Verdict> verdict = judge(number);
      if (!verdict) {
        verdict = Verdict{Outcome::kRunning, ""};
        ++queue.under_way;
        ++under_way_;
        --requests;
      }
      set(number, verdict->outcome);
      out.push_back({number, std::move(*verdict)});
    }
  }
  if (owners > 0) turn_ = (turn_ + 1) % owners;
  return out;
}

}  // namespace mullion::bulk
