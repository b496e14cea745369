#include "api/internal/finder.h"

#include <fmt/format.h>

#include "api/internal/rights.h"
#include "model/index_value.h"
#include "objects/lookup.h"

namespace mullion::api {
namespace {

Error no_such_object(const Call& call) { return object_error(call, ErrorCode::kNotFound, {"Not Found"}); }

Error ambiguous(const Call& call, const std::vector<Target>& candidates) {
  std::vector<std::string> messages{"The object exists on several endpoints; choose one by its path"};
  for (const Target& candidate : candidates) {
    messages.push_back(fmt::format("{}: /{}/api/v3/{}/{}", candidate.owner, candidate.owner,
                                   call.type->prefix, call.requested_id()));
  }
  return object_error(call, ErrorCode::kConflict, std::move(messages));
}

bool exists_for(const Call& call, const model::ObjectType& type, const Target& target) {
  return call.principal.sees({type.prefix, target.owner, target.key});
}

Result<Target> choose(const Call& call, std::vector<Target> candidates) {
  std::erase_if(candidates,
                [&call](const Target& candidate) { return !exists_for(call, *call.type, candidate); });
  if (candidates.empty()) return no_such_object(call);
  for (Target& candidate : candidates) {
    if (!store::is_remote(candidate.owner)) return std::move(candidate);
  }
  if (candidates.size() > 1) {
    std::erase_if(candidates, [&call](const Target& candidate) {
      return !may(call, *call.type, "get", {candidate.key, candidate.owner}, candidate.body);
    });
    if (candidates.empty()) return no_such_object(call);
  }
  if (candidates.size() > 1) return ambiguous(call, candidates);
  return std::move(candidates.front());
}

std::vector<Target> by_key(const Call& call, const store::Snapshot& snapshot, const std::string& requested) {
  std::vector<Target> candidates;
  const bool replicas = call.services.store.replicas_shown();
  const std::string key = model::canonical_key(*call.type, requested);
  for (store::StoredObject& object : snapshot.get_all_owners(call.type->prefix, key)) {
    if (!replicas && store::is_remote(object.id.owner)) continue;
    candidates.push_back({std::move(object.id.key), std::move(object.id.owner), std::move(object.body)});
  }
  return candidates;
}

std::vector<Target> by_index(const Call& call, const store::Snapshot& snapshot, std::string_view index,
                             const std::string& value) {
  std::vector<Target> candidates;
  const bool replicas = call.services.store.replicas_shown();
  for (const store::ObjectRef& ref :
       objects::refs_by_index(call.services, snapshot, call.type->prefix, index, value)) {
    if (!replicas && store::is_remote(ref.owner)) continue;
    std::optional<std::string> body = snapshot.get({std::string(call.type->prefix), ref.owner, ref.key});
    if (body) candidates.push_back({ref.key, ref.owner, std::move(*body)});
  }
  return candidates;
}

/// Every owner's object that `requested` names.
std::vector<Target> named(const Call& call, const store::Snapshot& snapshot, const std::string& requested) {
  std::string value;
  const model::Index* index = objects::index_of(*call.type, requested, value);
  const bool by_other = index != nullptr && index->unique && index->path != "@key";
  if (by_other) return by_index(call, snapshot, index->name, value);
  return by_key(call, snapshot, index != nullptr && index->unique ? value : requested);
}

}  // namespace

Result<Target> find_object(const Call& call, const store::Snapshot& snapshot, const std::string& requested) {
  return choose(call, named(call, snapshot, requested));
}

std::optional<Target> find_at(const Call& call, const store::Snapshot& snapshot, const std::string& owner,
                              const std::string& requested) {
  for (Target& candidate : named(call, snapshot, requested)) {
    if (candidate.owner != owner) continue;
    if (!exists_for(call, *call.type, candidate)) return std::nullopt;
    return std::move(candidate);
  }
  return std::nullopt;
}

std::optional<Target> find_here(const Call& call, const store::Snapshot& snapshot,
                                const model::ObjectType& type, const std::string& requested) {
  std::optional<Target> found = objects::find_local(call.services, snapshot, type, requested);
  if (found && !exists_for(call, type, *found)) return std::nullopt;
  return found;
}

bool is_taken_unseen(const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type,
                     const std::string& key) {
  const std::optional<Target> found = objects::find_local(call.services, snapshot, type, key);
  return found && !exists_for(call, type, *found);
}

std::optional<Target> find_again(const Call& call, const store::Snapshot& snapshot) {
  std::optional<store::StoredObject> stored = snapshot.get_local(call.type->prefix, call.target.key);
  if (!stored) return std::nullopt;
  return Target{std::move(stored->id.key), std::move(stored->id.owner), std::move(stored->body)};
}

void visit_own(const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type,
               const std::function<bool(std::string_view key, std::string_view body)>& visit) {
  snapshot.scan_owner(type.prefix, store::kOwn, "", [&](std::string_view key, std::string_view body) {
    return !call.principal.sees({type.prefix, store::kOwn, key}) || visit(key, body);
  });
}

Result<store::QueryResult> find_all(const Call& call, const store::Snapshot& snapshot, store::Query query) {
  query.own_id = call.services.facts.id;
  bound_by_rights(call, query);
  return snapshot.query(query);
}

Result<store::GroupResult> group_all(const Call& call, const store::Snapshot& snapshot,
                                     store::Grouping grouping) {
  grouping.query.own_id = call.services.facts.id;
  bound_by_rights(call, grouping.query);
  return snapshot.group(grouping);
}

std::optional<std::string> read_found(const store::Snapshot& snapshot, const model::ObjectType& type,
                                      const store::ObjectRef& object) {
  return snapshot.get({std::string(type.prefix), object.owner, object.key});
}

Result<uint64_t> count_all(const Services& services, const auth::Principal& principal,
                           const store::Snapshot& snapshot, std::string_view prefix,
                           const std::string& owner) {
  store::Query query;
  query.type = prefix;
  query.count_only = true;
  query.own_id = services.facts.id;
  if (!owner.empty()) query.filters.push_back({"Endpoint", store::Operator::kEq, {owner}});
  bound_by_tenant(principal, prefix, query);
  Result<store::QueryResult> result = snapshot.query(query);
  if (!result) return result.error();
  return result->matching;
}

uint64_t count_of_layer(const auth::Principal& principal, const store::Snapshot& snapshot,
                        std::string_view prefix, std::string_view layer) {
  const store::ObjectSetPtr visible = principal.visible_objects(prefix);
  if (visible == nullptr) return 0;
  uint64_t count = 0;
  constexpr std::string_view kWritable = "BackingStore";
  const std::string wanted = fmt::format("\"{}\"", layer);
  for (const store::ObjectRef& object : visible->objects()) {
    if (store::is_remote(object.owner)) continue;
    const std::optional<store::StoredObject> stored = snapshot.get_local(prefix, object.key);
    if (!stored) continue;
    const bool own = stored->id.owner == store::kOwn;
    const bool of_layer = own ? layer == kWritable : model::raw_member(stored->body, "Bundle") == wanted;
    count += of_layer ? 1 : 0;
  }
  return count;
}

Result<store::QueryResult> visit_matching(
    const Call& call, const store::Snapshot& snapshot, const model::ObjectType& type, store::Query query,
    std::string_view action,
    const std::function<bool(const store::ObjectRef& object, std::string_view body)>& visit) {
  query.type = type.prefix;
  query.own_id = call.services.facts.id;
  bound_by_rights(call.principal, type, query);
  Result<store::QueryResult> found = snapshot.query(query);
  if (!found) return found.error();
  for (const store::ObjectRef& ref : found->refs) {
    const std::optional<std::string> body = read_found(snapshot, type, ref);
    if (!body || !may(call, type, action, ref, *body)) continue;
    if (!visit(ref, *body)) break;
  }
  return found;
}

}  // namespace mullion::api
