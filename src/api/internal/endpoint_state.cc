#include "api/internal/endpoint_state.h"

#include "api/internal/info.h"
#include "api/internal/objects.h"
#include "base/text.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

json::array components_of(const Services& services) {
  json::array out;
  for (const packs::Layers::Component& component : services.layers.components()) {
    json::object entry;
    entry["Type"] = component.type;
    entry["Name"] = component.name;
    entry["Version"] = component.version;
    entry["ActualVersion"] = component.version;
    out.push_back(std::move(entry));
  }
  return out;
}

/// What packs and providers need, by name; those that need nothing are left out.
json::object prerequisites_of(const Services& services) {
  json::object out;
  for (const packs::Layers::Component& component : services.layers.components()) {
    if (!component.prerequisites.empty()) out[component.name] = component.prerequisites;
  }
  return out;
}

/// Checksums of uploads, without what the catalog tells of better.
void add_uploads(const Services& services, json::object& state) {
  constexpr size_t kMostFiles = 10'000;
  const files::Blobs::Uploads uploads = services.blobs.uploads("files/rebar-catalog/", kMostFiles);
  json::object files;
  for (const auto& [name, sha256] : uploads.sums) {
    if (is_valid_utf8(name)) files[name] = sha256;  // older servers took any bytes for a name
  }
  state["files"] = std::move(files);
  if (!uploads.complete) state["files_incomplete"] = true;
}

/// Providers that make a plugin of their name by themselves.
json::array auto_start_of(const store::Snapshot& snapshot) {
  json::array out;
  snapshot.scan_owner("plugin_providers", store::kOwn, "",
                      [&out](std::string_view key, std::string_view body) {
                        if (model::raw_member(body, "AutoStart") == "true") out.emplace_back(key);
                        return true;
                      });
  return out;
}

json::object shared_preferences(const Services& services) {
  json::object out;
  for (const auto& [name, value] : services.preferences.all()) {
    if (name.ends_with("Secret")) continue;
    out[name] = value;
  }
  return out;
}

json::value global_params(const store::Snapshot& snapshot) {
  const std::optional<store::StoredObject> profile = snapshot.get_local("profiles", "global");
  if (!profile) return json::object();
  Result<json::object> object = parse_stored(profile->body);
  if (!object) return json::object();
  const json::value* params = object->if_contains("Params");
  return params == nullptr ? json::value(json::object()) : *params;
}

json::array own_plugins(const store::Snapshot& snapshot) {
  json::array out;
  snapshot.scan_owner("plugins", store::kOwn, "", [&out](std::string_view, std::string_view body) {
    Result<json::object> plugin = parse_stored(body);
    if (plugin) out.push_back(std::move(*plugin));
    return true;
  });
  return out;
}

}  // namespace

std::string state_text(const Services& services) {
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  json::object state;
  state["info"] = identity(services);
  state["components"] = components_of(services);
  state["prefs"] = shared_preferences(services);
  state["global"] = global_params(*snapshot);
  state["plugins"] = own_plugins(*snapshot);
  state["ux_version"] = services.ux_version.get();
  state["prerequisites"] = prerequisites_of(services);
  state["auto_start"] = auto_start_of(*snapshot);
  add_uploads(services, state);
  state["licence"] = licence_of(services);
  state["configured_by"] = services.lease.holder();
  return json::serialize(state);
}

}  // namespace mullion::api
