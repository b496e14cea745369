// SavedPosition as secrets of the store: space "replication", keys ENDPOINT and ENDPOINT + "/owners"; and
// space "replicas", key OWNER: the endpoint whose stream wrote the replica last.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "replication/sink.h"

namespace mullion::replication {

/// The moment as of which every replica is that is followed and whose owner the endpoint is in touch with;
/// absent when there is none.
std::optional<env::SteadyTime> common_as_of(const SavedPosition& position);
/// Appends the changes that save `position`. The owners change seldom and may be many: they have a key of
/// their own, written when `with_owners`. `common` is what common_as_of() answers.
void append_position(std::string_view endpoint, const SavedPosition& position,
                     std::optional<env::SteadyTime> common, bool with_owners, const env::Clock& clock,
                     std::vector<store::SecretChange>& out);

/// Says that the stream of `endpoint` writes the replica of `owner` from now on; to be committed with the
/// first batch that it writes.
store::SecretChange keeper_change(std::string_view owner, std::string_view endpoint);
/// Whether the replica of `owner` is there and was last written by the stream of `endpoint`. When another
/// stream wrote it since, a saved position of `endpoint` says nothing about it.
bool is_keeper(const store::Snapshot& view, std::string_view owner, std::string_view endpoint);

}  // namespace mullion::replication
