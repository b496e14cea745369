// Who made an object and who changed it last, and when: the fields of mixin Stamped in schema/mixins.yaml.
// They stand at the very beginning of a canonical body, so that a write sets them without reading the rest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "env/clock.h"
#include "store/types.h"

namespace mullion::store {

/// The stored body of an object of this endpoint, absent when there is none.
using ReadOwn = std::function<std::optional<std::string>(const ObjectId& id)>;

/// Sets the stamps of the bodies that `batch` writes to this endpoint's own objects, once: a batch that has
/// them keeps them. What came from another endpoint has its owner's, what lies in layers has none. `read` is
/// asked only about changes without a precondition: what they replace keeps its beginning, and all of its
/// stamps when nothing else changes.
void set_stamps(Batch& batch, env::WallTime now, const ReadOwn& read);

/// The body as it would be without them.
std::string without_stamps(std::string_view body);

}  // namespace mullion::store
