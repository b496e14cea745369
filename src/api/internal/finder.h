// Where requests find objects: the one place that applies the caller's tenant and rights, owners and key
// rules (design section 7). Handlers reach the store through it only; tools/check_layers.py checks that.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/internal/call.h"

namespace mullion::api {

/// Finds the object named by primary key or `Index:value`. The own object wins, then the only remote one,
/// else kConflict naming owners and prefixed paths. Objects hidden by the caller's tenant do not exist.
/// kNotFound with Key as requested.
Result<Target> find_object(const Call& call, const store::Snapshot& snapshot, const std::string& requested);

/// The replica of one owner's object, found by key or unique index; absent when it is not here yet or does
/// not exist for the caller.
std::optional<Target> find_at(const Call& call, const store::Snapshot& snapshot, const std::string& owner,
                              const std::string& requested);

/// This server's object of a collection, found by key or unique index; absent when there is none or it does
/// not exist for the caller.
std::optional<Target> find_here(const Call& call, const store::Snapshot& snapshot,
                                const model::ObjectType& type, const std::string& requested);

/// Whether a key is that of an object of this server which does not exist for the caller.
bool is_taken_unseen(const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type,
                     const std::string& key);

/// The local object that the call's own was found to be, as it is in `snapshot`.
std::optional<Target> find_again(const Call& call, const store::Snapshot& snapshot);

/// Calls `visit` for every own object of the collection that exists for the caller, until it returns false.
void visit_own(const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type,
               const std::function<bool(std::string_view key, std::string_view body)>& visit);

/// Answers a query about the call's collection within what exists for the caller and may be read.
Result<store::QueryResult> find_all(const Call& call, const store::Snapshot& snapshot, store::Query query);
/// The body of an object that a query within the caller's bounds found; nothing when it is gone.
std::optional<std::string> read_found(const store::Snapshot& snapshot, const model::ObjectType& type,
                                      const store::ObjectRef& object);
/// How many objects of a collection exist for the caller: of all owners, or of one.
Result<uint64_t> count_all(const Services& services, const auth::Principal& principal,
                           const store::Snapshot& snapshot, std::string_view prefix,
                           const std::string& owner = "");
/// How many objects of this server exist for the caller, by the layer that they are from. Only of collections
/// that the caller's tenant restricts.
uint64_t count_of_layer(const auth::Principal& principal, const store::Snapshot& snapshot,
                        std::string_view prefix, std::string_view layer);
/// The same for counts by value.
Result<store::GroupResult> group_all(const Call& call, const store::Snapshot& snapshot,
                                     store::Grouping grouping);

/// Calls `visit` for every object that a query about `type` matches, that exists for the caller and to which
/// it may do `action`, until it returns false. Answers what the query found.
Result<store::QueryResult> visit_matching(
    const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type, store::Query query,
    std::string_view action,
    const std::function<bool(const store::ObjectRef& object, std::string_view body)>& visit);

}  // namespace mullion::api
