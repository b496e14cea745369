// Objects as the public API of an endpoint shows them, brought to what a replica holds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/object_type.h"

namespace mullion::mirror {

/// A collection of an endpoint that is replicated.
struct Collection {
  std::string prefix;
  const model::ObjectType* type = nullptr;  // nullptr: this version does not know it
};

struct Shown {
  std::string owner;
  std::string key;
  /// Every member as the endpoint wrote it, without blanks between them, without `Endpoint`, and secrets
  /// empty.
  std::string body;
  bool writable = false;  // of the endpoint's writable layer; others come from packs and are not replicated
};

/// What `text`, the answer to a list of `collection`, shows. Objects without `Endpoint` are those of
/// `endpoint`. Entries that are no objects with a key are passed over, and counted in `unreadable`. kCorrupt:
/// not a list.
Result<std::vector<Shown>> read_list(const Collection& collection, std::string_view endpoint,
                                     std::string_view text, size_t* unreadable = nullptr);
/// The same of an answer that is one object.
Result<Shown> read_shown(const Collection& collection, std::string_view endpoint, std::string_view text);

/// The key of a replica for what an event or a path calls `key`.
std::string replica_key(const Collection& collection, std::string_view key);

/// Whether objects of the collection `prefix` are replicated, and as what. `prefix` comes from the endpoint.
bool is_mirrored(std::string_view prefix);

}  // namespace mullion::mirror
