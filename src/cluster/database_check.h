// Whether a member's database holds what it is to hold.
#pragma once

#include <functional>

#include "store/store.h"

namespace mullion::cluster {

/// Reads every object as of now, and adds up the digests that members compare with each other: kCorrupt names
/// what is damaged, or the first type whose objects are not those of its digest. Any other error: it could
/// not be read. `go_on` is asked after each object with the bytes read since it was asked last, and may wait;
/// false: kCancelled.
Result<void> check_database(const store::Store& store, const std::function<bool(uint64_t bytes)>& go_on);

}  // namespace mullion::cluster
