#include "api/internal/lookup.h"

#include "api/internal/objects.h"
#include "api/internal/resolve.h"

namespace mullion::api {

namespace json = boost::json;

void scan_local(const store::Snapshot& snapshot, std::string_view type,
                const std::function<bool(std::string_view key, std::string_view body)>& visit) {
  bool going = true;
  (void)snapshot.scan_owner(type, store::kOwn, "", [&](std::string_view key, std::string_view body) {
    return going = visit(key, body);
  });
  if (!going) return;
  (void)snapshot.scan_owner(type, store::kLayered, "", [&](std::string_view key, std::string_view body) {
    const std::optional<store::StoredObject> shown = snapshot.get_local(type, key);
    return !shown || shown->id.owner != store::kLayered || visit(key, body);
  });
}

std::optional<json::object> SnapshotLookup::find(std::string_view type, std::string_view key) const {
  const std::optional<store::StoredObject> object = snapshot_.get_local(type, key);
  if (!object) return std::nullopt;
  Result<json::object> parsed = parse_stored(object->body);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

bool SnapshotLookup::exists(std::string_view type, std::string_view key) const {
  return snapshot_.get_local(type, key).has_value();
}

bool SnapshotLookup::collection_exists(std::string_view prefix) const {
  if (services_.store.types().find(prefix) != nullptr) return true;
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
       refs_by_index(services_, snapshot_, type, index, std::string(value), true)) {
    if (std::optional<json::object> object = find(type, ref.key)) found.push_back(std::move(*object));
  }
  return found;
}

}  // namespace mullion::api
