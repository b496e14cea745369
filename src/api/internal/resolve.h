// Key rules (design section 7): which object a request is about.
#pragma once

#include <string>
#include <string_view>

#include "api/internal/call.h"

namespace mullion::api {

/// Finds the object named by primary key or `Index:value`. The own object wins, then the only remote one,
/// else kConflict naming owners and prefixed paths. Objects hidden by the caller's tenant do not exist.
/// kNotFound with Key as requested.
Result<Target> resolve_object(const Call& call, const store::Snapshot& snapshot,
                              const std::string& requested);

/// The replica of one owner's object, found by key or unique index.
std::optional<Target> find_at(const Call& call, const store::Snapshot& snapshot, const std::string& owner,
                              const std::string& requested);

/// The local (own or layered) object of a type, found by key or unique index.
std::optional<Target> find_local(const Services& services, const store::Snapshot& snapshot,
                                 const model::ObjectType& type, const std::string& requested);

/// Objects whose index `index` has `value`, `most` of them; `local_only` leaves replicas out.
std::vector<store::ObjectRef> refs_by_index(const Services& services, const store::Snapshot& snapshot,
                                            std::string_view prefix, std::string_view index,
                                            const std::string& value, bool local_only = false,
                                            uint64_t most = 64);

}  // namespace mullion::api
