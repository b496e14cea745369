// Versions of the database's format (docs/store.md).
#pragma once

#include <cstdint>

namespace mullion::store {

/// The newest format that this program reads, and the one it writes.
inline constexpr uint64_t kFormatVersion = 1;
/// The oldest program that can read what this one writes reads up to this.
inline constexpr uint64_t kOldestReadableVersion = 1;

}  // namespace mullion::store
