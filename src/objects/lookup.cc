#include "objects/lookup.h"

#include "objects/stored.h"

namespace mullion::objects {

namespace json = boost::json;

/// "Name:bob" cut at its colon when what stands before is an index of the type.
const model::Index* index_of(const model::ObjectType& type, const std::string& requested,
                             std::string& value) {
  const size_t colon = requested.find(':');
  if (colon == std::string::npos || colon == 0) return nullptr;
  const model::Index* index = type.find_index(std::string_view(requested).substr(0, colon));
  if (index != nullptr) value = requested.substr(colon + 1);
  return index;
}

std::vector<store::ObjectRef> refs_by_index(const Context& context, const store::Snapshot& snapshot,
                                            std::string_view prefix, std::string_view index,
                                            const std::string& value, bool local_only, uint64_t most) {
  store::Query query;
  query.type = prefix;
  query.own_id = context.own_id;
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

std::optional<Target> find_local(const Context& context, const store::Snapshot& snapshot,
                                 const model::ObjectType& type, const std::string& requested) {
  std::string value;
  const model::Index* index = index_of(type, requested, value);
  if (index != nullptr && index->unique && index->path != "@key") {
    for (const store::ObjectRef& ref :
         refs_by_index(context, snapshot, type.prefix, index->name, value, true)) {
      if (store::is_remote(ref.owner)) continue;
      std::optional<std::string> body = snapshot.get({std::string(type.prefix), ref.owner, ref.key});
      if (body) return Target{ref.key, ref.owner, std::move(*body)};
    }
    return std::nullopt;
  }
  const std::string key = model::canonical_key(type, index != nullptr && index->unique ? value : requested);
  std::optional<store::StoredObject> object = snapshot.get_local(type.prefix, key);
  if (!object) return std::nullopt;
  return Target{std::move(object->id.key), std::move(object->id.owner), std::move(object->body)};
}

void scan_local(const store::Snapshot& snapshot, std::string_view type,
                const std::function<bool(std::string_view key, std::string_view body)>& visit) {
  bool going = true;
  snapshot.scan_owner(type, store::kOwn, "",
                      [&](std::string_view key, std::string_view body) { return going = visit(key, body); });
  if (!going) return;
  snapshot.scan_owner(type, store::kLayered, "", [&](std::string_view key, std::string_view body) {
    const std::optional<store::StoredObject> shown = snapshot.get_local(type, key);
    return !shown || shown->id.owner != store::kLayered || visit(key, body);
  });
}

std::optional<json::object> SnapshotLookup::find(std::string_view type, std::string_view key) const {
  const std::optional<store::StoredObject> object = shown(type, key);
  if (!object) return std::nullopt;
  Result<json::object> parsed = parse_stored(object->body);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

bool SnapshotLookup::exists(std::string_view type, std::string_view key) const {
  return shown(type, key).has_value();
}

std::optional<store::StoredObject> SnapshotLookup::shown(std::string_view type, std::string_view key) const {
  std::optional<store::StoredObject> object = snapshot_.get_local(type, key);
  if (shows_ != nullptr && !shows_(type, key, object ? &*object : nullptr)) return std::nullopt;
  return object;
}

bool SnapshotLookup::collection_exists(std::string_view prefix) const {
  if (context_.store.types().find(prefix) != nullptr) return true;
  const std::vector<std::string> types = snapshot_.types();
  return std::ranges::find(types, prefix) != types.end();
}

std::vector<json::object> SnapshotLookup::all(std::string_view type) const {
  std::vector<json::object> found;
  scan_local(snapshot_, type, [&](std::string_view, std::string_view body) {
    if (Result<json::object> parsed = parse_stored(body)) found.push_back(std::move(*parsed));
    return true;
  });
  return found;
}

std::vector<json::object> SnapshotLookup::where(std::string_view type, std::string_view index,
                                                std::string_view value) const {
  std::vector<json::object> found;
  for (const store::ObjectRef& ref :
       refs_by_index(context_, snapshot_, type, index, std::string(value), true)) {
    if (std::optional<json::object> object = find(type, ref.key)) found.push_back(std::move(*object));
  }
  return found;
}

}  // namespace mullion::objects
