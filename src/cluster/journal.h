// What a member promised, durable.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "cluster/types.h"
#include "env/file.h"

namespace mullion::cluster {

/// An entry with the bytes that its tag stands for.
struct JournalEntry {
  Entry entry;
  std::string payload;  // of kData
};

/// Entries by index, the hard state, and where the journal begins. Everything is verified when it is opened;
/// what is damaged is said to be damaged and never cut away: a member that forgets what it promised must not
/// vote. append(), trim() and begin_at() are one thread's, payload() and reserve() may be called by others
/// meanwhile.
class Journal {
 public:
  /// As found at the start.
  struct Contents {
    uint64_t base_index = 0;  // the entry before the first: its term is known, its payload is not
    uint64_t base_term = 0;
    HardState hard;
    std::vector<Entry> entries;
    uint64_t incarnation = 0;  // counts the times it was opened, from 1
  };

  virtual ~Journal() = default;
  virtual Contents contents() const = 0;
  /// Entries and hard state in one sync, all or nothing: durable when this returns. The first entry follows
  /// the last one, or its index exists and cuts everything from there on. kInsufficientStorage when nothing
  /// was written for want of space. After any other error nobody knows what the disk holds: the process must
  /// end, and verify when it starts again.
  virtual Result<void> append(const std::vector<JournalEntry>& entries, const HardState& hard) = 0;
  /// kNotFound outside of what it holds, kCorrupt when the bytes are not those that were appended.
  virtual Result<std::string> payload(uint64_t index) const = 0;
  /// Keeps room for the next append() of so many bytes of payload, or kInsufficientStorage: to be asked
  /// before anything is promised, because afterwards nobody can refuse.
  virtual Result<void> reserve(uint64_t bytes) = 0;
  /// Forgets entries up to and with `index`, which must be in it: the new base.
  virtual Result<void> trim(uint64_t index) = 0;
  /// A copy of the database took the place of what was behind: the base moves to (index, term), which is not
  /// below the old one. Entries above stay when the journal's own entry at `index` has that term, because
  /// they were promised; otherwise none can have counted. The hard state keeps its term and vote.
  virtual Result<void> begin_at(uint64_t index, uint64_t term) = 0;
};

struct JournalOptions {
  uint64_t max_bytes = uint64_t{1} << 30;  // on disk, what was cut and is free included
};

/// Opens or makes the journal in `directory` and counts its incarnation up. kCorrupt names the entry that is
/// damaged. The directory belongs to one process.
Result<std::unique_ptr<Journal>> open_journal(const env::Path& directory, const JournalOptions& options = {});

}  // namespace mullion::cluster
