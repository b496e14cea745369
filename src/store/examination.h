// Whether a database may be opened at all, asked by a process that may end of the answer.
#pragma once

#include "base/result.h"
#include "env/file.h"

namespace mullion::store {

/// Reads all of the database in `directory`, which nobody may have open: its pages as those of a file, then
/// every row through the engine. kCorrupt says what is damaged; kNotFound: there is no database. What neither
/// foresees ends the process that calls this, as it would end a server, so a child is to call it. Writes
/// nothing.
Result<void> examine(const env::Path& directory);

}  // namespace mullion::store
