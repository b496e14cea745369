// SavedPosition as secrets of the store: space "replication", keys ENDPOINT and ENDPOINT + "/owners"; and
// space "replicas", key OWNER: the endpoint whose stream wrote the replica last.
#pragma once

#include <string_view>
#include <vector>

#include "replication/sink.h"

namespace mullion::replication {

/// Appends the changes that save `position`. The owners change seldom and may be many: they have a key of
/// their own, written when `with_owners`.
void append_position(std::string_view endpoint, const SavedPosition& position, bool with_owners,
                     std::vector<store::SecretChange>& out);

/// Says that the stream of `endpoint` writes the replica of `owner` from now on; to be committed with the
/// first batch that it writes.
store::SecretChange keeper_change(std::string_view owner, std::string_view endpoint);
/// Whether the replica of `owner` is there and was last written by the stream of `endpoint`. When another
/// stream wrote it since, a saved position of `endpoint` says nothing about it.
bool is_keeper(const store::Snapshot& view, std::string_view owner, std::string_view endpoint);

}  // namespace mullion::replication
