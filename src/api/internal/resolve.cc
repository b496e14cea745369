#include "api/internal/resolve.h"

namespace mullion::api {
namespace {

Error not_found(const Call& call) { return object_error(call, ErrorCode::kNotFound, {"Not Found"}); }

Error ambiguous(const Call& call, const std::vector<Target>& candidates) {
  std::vector<std::string> messages{"The object exists on several endpoints; choose one by its path"};
  for (const Target& candidate : candidates) {
    messages.push_back(fmt::format("{}: /{}/api/v3/{}/{}", candidate.owner, candidate.owner,
                                   call.type->prefix, call.requested_id()));
  }
  return object_error(call, ErrorCode::kConflict, std::move(messages));
}

Result<Target> choose(const Call& call, std::vector<Target> candidates) {
  std::erase_if(candidates, [&call](const Target& candidate) {
    return !call.principal.sees(call.type->prefix, candidate.key);
  });
  if (candidates.empty()) return not_found(call);
  for (Target& candidate : candidates) {
    if (!store::is_remote(candidate.owner)) return std::move(candidate);
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
       refs_by_index(call.services, snapshot, call.type->prefix, index, value)) {
    if (!replicas && store::is_remote(ref.owner)) continue;
    Result<std::string> body = snapshot.get({std::string(call.type->prefix), ref.owner, ref.key});
    if (body) candidates.push_back({ref.key, ref.owner, std::move(*body)});
  }
  return candidates;
}

/// "Name:bob" cut at its colon when what stands before is an index of the type.
const model::Index* index_of(const model::ObjectType& type, const std::string& requested,
                             std::string& value) {
  const size_t colon = requested.find(':');
  if (colon == std::string::npos || colon == 0) return nullptr;
  const model::Index* index = type.find_index(std::string_view(requested).substr(0, colon));
  if (index != nullptr) value = requested.substr(colon + 1);
  return index;
}

/// Every owner's object that `requested` names.
std::vector<Target> named(const Call& call, const store::Snapshot& snapshot, const std::string& requested) {
  std::string value;
  const model::Index* index = index_of(*call.type, requested, value);
  const bool by_other = index != nullptr && index->unique && index->path != "@key";
  if (by_other) return by_index(call, snapshot, index->name, value);
  return by_key(call, snapshot, index != nullptr && index->unique ? value : requested);
}

}  // namespace

std::vector<store::ObjectRef> refs_by_index(const Services& services, const store::Snapshot& snapshot,
                                            std::string_view prefix, std::string_view index,
                                            const std::string& value, bool local_only, uint64_t most) {
  store::Query query;
  query.type = prefix;
  query.own_id = services.facts.id;
  query.limit = most;
  store::Filter filter;
  filter.name = index;
  filter.op = store::Operator::kEq;
  filter.arguments.push_back(value);
  query.filters.push_back(std::move(filter));
  if (local_only) {
    store::Filter own;
    own.name = "Endpoint";
    own.arguments.emplace_back();
    query.filters.push_back(std::move(own));
  }
  Result<store::QueryResult> result = snapshot.query(query);
  if (!result) return {};
  return std::move(result->refs);
}

Result<Target> resolve_object(const Call& call, const store::Snapshot& snapshot,
                              const std::string& requested) {
  return choose(call, named(call, snapshot, requested));
}

std::optional<Target> find_at(const Call& call, const store::Snapshot& snapshot, const std::string& owner,
                              const std::string& requested) {
  for (Target& candidate : named(call, snapshot, requested)) {
    if (candidate.owner == owner) return std::move(candidate);
  }
  return std::nullopt;
}

std::optional<Target> find_local(const Services& services, const store::Snapshot& snapshot,
                                 const model::ObjectType& type, const std::string& requested) {
  std::string value;
  const model::Index* index = index_of(type, requested, value);
  if (index != nullptr && index->unique && index->path != "@key") {
    for (const store::ObjectRef& ref :
         refs_by_index(services, snapshot, type.prefix, index->name, value, true)) {
      if (store::is_remote(ref.owner)) continue;
      Result<std::string> body = snapshot.get({std::string(type.prefix), ref.owner, ref.key});
      if (body) return Target{ref.key, ref.owner, std::move(*body)};
    }
    return std::nullopt;
  }
  const std::string key = model::canonical_key(type, index != nullptr && index->unique ? value : requested);
  std::optional<store::StoredObject> object = snapshot.get_local(type.prefix, key);
  if (!object) return std::nullopt;
  return Target{std::move(object->id.key), std::move(object->id.owner), std::move(object->body)};
}

}  // namespace mullion::api
