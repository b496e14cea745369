// Digests of one owner's replicated types, and of ranges of keys.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/wire.h"
#include "store/store.h"

namespace mullion::replication {

/// Digests of the types of `stored_owner` that travel, told as those of `shown_owner`.
std::vector<store::TypeDigest> owner_digests(const store::Snapshot& view, std::string_view stored_owner,
                                             const std::string& shown_owner);
/// (owner, type) of which two digests differ, or only one side has objects.
std::set<std::pair<std::string, std::string>> differing_types(const std::vector<store::TypeDigest>& one,
                                                              const std::vector<store::TypeDigest>& other);
/// Cuts the keys of a type into ranges of `size` objects with a digest each; together they cover every key.
std::vector<KeyRange> cut_ranges(const store::Snapshot& view, const std::string& type, std::string_view owner,
                                 size_t size);
/// The digest of the replica's objects in the range.
Digest range_digest(const store::Snapshot& view, const std::string& type, std::string_view owner,
                    const KeyRange& range);

}  // namespace mullion::replication
