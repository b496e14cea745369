#include "api/internal/endpoint_state.h"

#include "api/internal/info.h"
#include "api/internal/objects.h"
#include "base/text.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

std::vector<model::EndpointComponent> components_of(const Services& services) {
  std::vector<model::EndpointComponent> out;
  for (const packs::Layers::Component& component : services.layers.components())
    out.push_back({component.type, component.name, component.version, component.version, {}});
  return out;
}

/// What packs and providers need, by name; those that need nothing are left out.
std::map<std::string, std::string> prerequisites_of(const Services& services) {
  std::map<std::string, std::string> out;
  for (const packs::Layers::Component& component : services.layers.components()) {
    if (!component.prerequisites.empty()) out[component.name] = component.prerequisites;
  }
  return out;
}

/// Checksums of uploads, without what the catalog tells of better.
void add_uploads(const Services& services, model::EndpointState& state) {
  constexpr size_t kMostFiles = 10'000;
  const files::Blobs::Uploads uploads = services.blobs.uploads("files/rebar-catalog/", kMostFiles);
  std::map<std::string, std::string> files;
  for (const auto& [name, sha256] : uploads.sums) {
    if (is_valid_utf8(name)) files.emplace(name, sha256);  // older servers took any bytes for a name
  }
  state.files = std::move(files);
  if (!uploads.complete) state.files_incomplete = true;
}

/// Providers that make a plugin of their name by themselves.
std::vector<std::string> auto_start_of(const store::Snapshot& snapshot) {
  std::vector<std::string> out;
  snapshot.scan_owner("plugin_providers", store::kOwn, "",
                      [&out](std::string_view key, std::string_view body) {
                        if (model::raw_member(body, "AutoStart") == "true") out.emplace_back(key);
                        return true;
                      });
  return out;
}

std::map<std::string, std::string> shared_preferences(const Services& services) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : services.preferences.all()) {
    if (name.ends_with("Secret")) continue;
    out[name] = value;
  }
  return out;
}

json::object global_params(const store::Snapshot& snapshot) {
  const std::optional<store::StoredObject> profile = snapshot.get_local("profiles", "global");
  if (!profile) return json::object();
  Result<json::object> object = parse_stored(profile->body);
  if (!object) return json::object();
  const json::value* params = object->if_contains("Params");
  return params == nullptr || !params->is_object() ? json::object() : params->get_object();
}

/// Where each member passes requests on, so that a manager needs none in particular.
std::vector<std::string> addresses_of(const cluster::ClusterView& cluster) {
  std::vector<std::string> out;
  if (!cluster.enrolled) return out;
  for (const cluster::NodeView& node : cluster.nodes) {
    if (!node.api_url.empty()) out.push_back(node.api_url);
  }
  return out;
}

std::vector<json::object> own_plugins(const store::Snapshot& snapshot) {
  std::vector<json::object> out;
  snapshot.scan_owner("plugins", store::kOwn, "", [&out](std::string_view, std::string_view body) {
    Result<json::object> plugin = parse_stored(body);
    if (plugin) out.push_back(std::move(*plugin));
    return true;
  });
  return out;
}

}  // namespace

model::EndpointState endpoint_state(const Services& services) {
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  model::EndpointState state;
  state.info = model::EndpointInfo::read(identity(services));
  state.components = components_of(services);
  state.prefs = shared_preferences(services);
  state.global = global_params(*snapshot);
  state.plugins = own_plugins(*snapshot);
  state.ux_version = services.ux_version.get();
  state.prerequisites = prerequisites_of(services);
  state.auto_start = auto_start_of(*snapshot);
  add_uploads(services, state);
  state.licence = licence_of(services);
  state.configured_by = services.lease.holder();
  state.members = addresses_of(services.cluster.view());
  return state;
}

}  // namespace mullion::api
