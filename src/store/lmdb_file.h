// A look into a database file before it is mapped.
#pragma once

#include "base/result.h"
#include "env/file.h"

namespace mullion::store {

/// kCorrupt when pages in use lie beyond the end of `file`: mapped, they would end the process at the first
/// touch. A file may well be shorter than the count of its pages says: pages taken and given back by one
/// transaction are counted but never written. An absent or foreign file is left to the engine.
Result<void> check_length(const env::Path& file);

/// kCorrupt names the first page in use that is not what the engine takes it for: its number, its kind, where
/// its rows are, the pages that it leads to, none used twice or on the list of free ones. What rows say is
/// not looked at. Reads each page in use plainly, so whatever the file holds gives an answer. An absent file
/// is sound; nobody may be writing to it.
Result<void> check_pages(const env::Path& file);

}  // namespace mullion::store
