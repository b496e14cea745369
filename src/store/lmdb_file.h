// A look into a database file before it is mapped.
#pragma once

#include "base/result.h"
#include "env/file.h"

namespace mullion::store {

/// kCorrupt when pages in use lie beyond the end of `file`: mapped, they would end the process at the first
/// touch. A file may well be shorter than the count of its pages says: pages taken and given back by one
/// transaction are counted but never written. An absent or foreign file is left to the engine.
Result<void> check_length(const env::Path& file);

}  // namespace mullion::store
