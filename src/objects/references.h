// Who refers to whom: what must not be removed because something still uses it, and what is judged again when
// something that it refers to comes or goes.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "objects/caller.h"
#include "objects/context.h"

namespace mullion::objects {

/// One way in which objects of a collection name objects of another.
struct Reference {
  std::string_view target;    // prefix of what is referred to
  std::string_view referrer;  // prefix of who refers
  std::string_view index;     // index of the referrer that holds the target's key; "": `member` is searched
  std::string_view member;    // list of keys, or of objects whose ID is a key
  std::string_view kind;      // word in the message
  bool judged = true;         // the referrer is not available without its target
};
std::span<const Reference> references();

/// Local objects that name one of `keys` by this reference; at most `most` for each key where an index helps.
std::vector<store::ObjectRef> referrers(const Context& context, const store::Snapshot& snapshot,
                                        const Reference& reference, const std::set<std::string>& keys,
                                        size_t most);

/// "In use by KIND NAME" for local objects that refer to (prefix, key), at most a few dozen. Those that do
/// not exist for whoever asks are only counted.
std::vector<std::string> references_to(const Context& context, const store::Snapshot& snapshot,
                                       const Rights& rights, std::string_view prefix, const std::string& key);

}  // namespace mullion::objects
