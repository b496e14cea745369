// Space that a database no longer needs, given back to the disk; and what half-made copies leave behind.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "env/file.h"

namespace mullion::store {

struct Compaction {
  uint64_t bytes_before = 0;  // size of the file
  uint64_t bytes_after = 0;
};

/// Replaces the database in `directory`, which nobody may have open, by a copy without free pages. A crash at
/// any moment leaves the old one or the new one. kNotFound: there is no database; kInsufficientStorage: the
/// disk has no room for a second copy of what is in use; kCorrupt: it is damaged. What fails leaves the old
/// one.
Result<Compaction> compact(const env::Path& directory);

/// Removes what backups that did not end (Store::backup()) left in `folder`.
void remove_partial_backups(const env::Path& folder);

}  // namespace mullion::store
