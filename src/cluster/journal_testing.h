// A journal on a disk that tests break: it loses what was not synced, flips bits, fails to sync, is full.
#pragma once

#include <deque>

#include "cluster/journal.h"

namespace mullion::cluster {

/// What a device holds; outlives the journals that are opened on it.
struct MemoryDisk {
  struct State {
    uint64_t base_index = 0, base_term = 0;
    HardState hard;
    std::deque<JournalEntry> entries;
    uint64_t last() const { return base_index + entries.size(); }
  };
  struct Write {
    std::vector<JournalEntry> entries;
    HardState hard;
  };

  State synced;
  std::deque<Write> unsynced;
  uint64_t incarnation = 0;
  uint64_t capacity = ~uint64_t{0};  // bytes of payload
  bool sync_fails = false;           // the next one, and nobody knows what was written
  uint64_t damaged = 0;              // an entry of which a bit was flipped
  bool hard_damaged = false;

  uint64_t used() const {
    uint64_t out = 0;
    for (const JournalEntry& entry : synced.entries) out += entry.payload.size();
    for (const Write& write : unsynced)
      for (const JournalEntry& entry : write.entries) out += entry.payload.size();
    return out;
  }
  void lose_unsynced() { unsynced.clear(); }
  /// The oldest write becomes durable.
  void sync_one() {
    const Write write = std::move(unsynced.front());
    unsynced.pop_front();
    for (const JournalEntry& entry : write.entries) {
      while (synced.last() >= entry.entry.index) synced.entries.pop_back();
      synced.entries.push_back(entry);
    }
    synced.hard = write.hard;
  }
};

class MemoryJournal final : public Journal {
 public:
  static Result<std::unique_ptr<Journal>> open(MemoryDisk& disk) {
    disk.lose_unsynced();
    if (disk.damaged != 0)
      return Error(ErrorCode::kCorrupt, "journal: entry " + std::to_string(disk.damaged) + " is damaged");
    if (disk.hard_damaged) return Error(ErrorCode::kCorrupt, "journal: hard is damaged");
    ++disk.incarnation;
    return std::unique_ptr<Journal>(std::make_unique<MemoryJournal>(disk));
  }
  explicit MemoryJournal(MemoryDisk& disk) : disk_(disk) {}

  Contents contents() const override {
    Contents out{disk_.synced.base_index, disk_.synced.base_term, disk_.synced.hard, {}, disk_.incarnation};
    for (const JournalEntry& entry : disk_.synced.entries) out.entries.push_back(entry.entry);
    return out;
  }
  Result<void> append(const std::vector<JournalEntry>& entries, const HardState& hard) override {
    if (!entries.empty()) {
      const uint64_t first = entries.front().entry.index;
      if (first <= disk_.synced.base_index || first > disk_.synced.last() + 1)
        return Error(ErrorCode::kInternal, "journal: an entry does not follow");
    }
    uint64_t bytes = 0;
    for (const JournalEntry& entry : entries) bytes += entry.payload.size();
    if (bytes + disk_.used() > disk_.capacity) return Error(ErrorCode::kInsufficientStorage, "journal: full");
    disk_.unsynced.push_back({entries, hard});
    if (std::exchange(disk_.sync_fails, false))
      return Error(ErrorCode::kInternal, "journal: sync: I/O error");
    while (!disk_.unsynced.empty()) disk_.sync_one();
    return {};
  }
  Result<std::string> payload(uint64_t index) const override {
    if (index <= disk_.synced.base_index || index > disk_.synced.last())
      return Error(ErrorCode::kNotFound, "journal: there is no such entry");
    if (index == disk_.damaged) return Error(ErrorCode::kCorrupt, "journal: damaged");
    const JournalEntry& found = disk_.synced.entries[index - disk_.synced.base_index - 1];
    return found.entry.kind == EntryKind::kChange ? found.entry.change : found.payload;
  }
  Result<void> reserve(uint64_t bytes) override {
    if (bytes + disk_.used() > disk_.capacity) return Error(ErrorCode::kInsufficientStorage, "journal: full");
    return {};
  }
  Result<void> trim(uint64_t index) override {
    MemoryDisk::State& state = disk_.synced;
    if (index <= state.base_index) return {};
    if (index > state.last()) return Error(ErrorCode::kNotFound, "journal: there is no such entry");
    state.base_term = state.entries[index - state.base_index - 1].entry.term;
    state.entries.erase(state.entries.begin(),
                        state.entries.begin() + static_cast<std::ptrdiff_t>(index - state.base_index));
    state.base_index = index;
    return {};
  }
  Result<void> begin_at(uint64_t index, uint64_t term) override {
    MemoryDisk::State& state = disk_.synced;
    if (index < state.base_index) return Error(ErrorCode::kConflict, "journal: an older copy");
    uint64_t own = index == state.base_index ? state.base_term : 0;
    if (index > state.base_index && index <= state.last())
      own = state.entries[index - state.base_index - 1].entry.term;
    const bool same = own == term && index <= state.last();
    while (!state.entries.empty() && (!same || state.entries.front().entry.index <= index))
      state.entries.pop_front();
    state.base_index = index;
    state.base_term = term;
    if (state.hard.term < term) state.hard = {term, 0, 0};
    state.hard.commit = same ? std::max(state.hard.commit, index) : index;
    return {};
  }

 private:
  MemoryDisk& disk_;
};

}  // namespace mullion::cluster
