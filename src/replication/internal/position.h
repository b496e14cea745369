// SavedPosition as secrets of the store: space "replication", keys ENDPOINT and ENDPOINT + "/owners".
#pragma once

#include <string_view>
#include <vector>

#include "replication/sink.h"

namespace mullion::replication {

/// Appends the changes that save `position`. The owners change seldom and may be many: they have a key of
/// their own, written when `with_owners`.
void append_position(std::string_view endpoint, const SavedPosition& position, bool with_owners,
                     std::vector<store::SecretChange>& out);

}  // namespace mullion::replication
