#include "mirror/internal/reported_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/letters.h"
#include "base/text.h"
#include "mirror/internal/shown.h"
#include "mirror/lease_marker.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::mirror {
namespace {

namespace json = boost::json;

/// Layers that every server has, and those that come with a provider.
constexpr std::array<std::string_view, 5> kOwnLayers{"basic", "default", "local", "plugin", "writable"};

env::Task<std::optional<json::value>> look_up(Api& api, client::Request request) {
  const Result<Answer> answer = co_await api.ask(std::move(request));
  if (!answer || answer->status != 200) co_return std::nullopt;
  Result<json::value> value = parse_json(answer->body);
  if (!value) co_return std::nullopt;
  co_return std::move(*value);
}

using Components = std::vector<model::EndpointComponent>;
using Texts = std::map<std::string, std::string>;

model::EndpointComponent component(std::string_view type, const json::object& described) {
  model::EndpointComponent out;
  out.type = type;
  out.name = model::text_member(described, "Name");
  out.version = model::text_member(described, "Version");
  out.actual_version = out.version;
  return out;
}

void add_packs(const json::value& packs, Components& components, Texts& prerequisites) {
  if (!packs.is_array()) return;
  for (const json::value& pack : packs.get_array()) {
    if (!pack.is_object()) continue;
    const json::object& meta = model::object_member(pack.get_object(), "meta");
    const std::string name = model::text_member(meta, "Name");
    const std::string type = model::text_member(meta, "Type");
    if (name.empty() || std::ranges::find(kOwnLayers, type) != kOwnLayers.end()) continue;
    components.push_back(component("ContentPackage", meta));
    const std::string needs = model::text_member(meta, "Prerequisites");
    if (!needs.empty()) prerequisites[name] = needs;
  }
}

void add_providers(const json::value& providers, Components& components,
                   std::vector<std::string>& auto_start) {
  if (!providers.is_array()) return;
  for (const json::value& item : providers.get_array()) {
    if (!item.is_object()) continue;
    const json::object& provider = item.get_object();
    const std::string name = model::text_member(provider, "Name");
    if (name.empty()) continue;
    components.push_back(component("PluginProvider", provider));
    if (model::flag_member(provider, "AutoStart")) auto_start.emplace_back(name);
  }
}

Texts shared_preferences(const json::value& all) {
  Texts out;
  if (!all.is_object()) return out;
  for (const auto& [name, value] : all.get_object()) {
    if (value.is_string() && !std::string_view(name).ends_with("Secret")) out[name] = value.get_string();
  }
  return out;
}

/// Those of the writable layer, as replicas hold them.
std::vector<json::object> own_plugins(const json::value& plugins, const std::string& endpoint) {
  std::vector<json::object> out;
  const Collection collection{"plugins", model::find_object_type("plugins")};
  const Result<std::vector<Shown>> shown = read_list(collection, endpoint, json::serialize(plugins));
  if (!shown) return out;
  for (const Shown& plugin : *shown) {
    if (!plugin.writable || plugin.owner != endpoint) continue;
    out.push_back(model::parse_object(plugin.body));
  }
  return out;
}

/// Who marked that it configures the endpoint; the moment until when is that one's business. "" nobody.
env::Task<std::string> lease_holder(Api& api) {
  const std::optional<json::value> marker =
      co_await look_up(api, client::get_object("profiles", kLeaseMarker));
  if (!marker || !marker->is_object()) co_return "";
  co_return model::text_member(model::object_member(marker->get_object(), "Params"), kLeaseHolder);
}

/// "" when there is none.
env::Task<std::string> text_of_file(Api& api, std::string path) {
  Result<Answer> answer = co_await api.ask(client::get_files(std::move(path)));
  co_return answer && answer->status == 200 ? std::move(answer->body) : "";
}

/// Of the portal that is installed there; "" when none is. Packages say it in one of two files.
env::Task<std::string> ux_version(Api& api) {
  constexpr size_t kLongest = 100;
  const std::string described = co_await text_of_file(api, "ux/ux-version.json");
  std::string version;
  if (const auto object = model::read_object(described)) version = model::text_member(*object, "version");
  if (version.empty()) {
    version = co_await text_of_file(api, "ux/version");
    version.resize(std::min(version.find_first_of("\r\n"), version.size()));
  }
  version = trimmed(version);
  co_return version.size() > kLongest || !is_valid_utf8(version) ? "" : version;
}

Counts counts_of(const json::object& info) {
  constexpr std::string_view kEnd = ".count";
  Counts out;
  const json::value* stats = info.if_contains("stats");
  if (stats == nullptr || !stats->is_array()) return out;
  for (const json::value& item : stats->get_array()) {
    if (!item.is_object()) continue;
    const std::string name = model::text_member(item.get_object(), "name");
    const json::value* count = item.get_object().if_contains("count");
    if (!name.ends_with(kEnd) || count == nullptr) continue;
    boost::system::error_code failure;
    const auto number = count->to_number<uint64_t>(failure);
    if (!failure) out[name.substr(0, name.size() - kEnd.size())] = number;
  }
  return out;
}

}  // namespace

Counts read_counts(std::string_view info) {
  const std::optional<json::object> object = model::read_object(info);
  return object ? counts_of(*object) : Counts();
}

env::Task<Result<ReportedState>> read_state(Api& api, std::string endpoint, Uploads uploads) {
  const Result<Answer> answer = co_await api.ask(client::get_info());
  if (!answer) co_return answer.error();
  const std::optional<json::object> info = model::read_object(answer->body);
  if (answer->status != 200 || !info)
    co_return Error(ErrorCode::kUnreachable,
                    fmt::format("its info cannot be read: status {}", answer->status));
  ReportedState out;
  out.id = model::text_member(*info, "ha_id");
  if (out.id.empty()) out.id = model::text_member(*info, "id");
  out.manages = model::flag_member(*info, "manager");
  out.counts = counts_of(*info);
  model::EndpointState& told = out.told;
  told.info = model::EndpointInfo::read(*info);
  Components components;
  std::vector<std::string> auto_start;
  Texts prerequisites;
  const std::optional<json::value> packs = co_await look_up(api, client::get_contents());
  const std::optional<json::value> providers =
      co_await look_up(api, client::get_collection("plugin_providers"));
  if (packs) add_packs(*packs, components, prerequisites);
  if (providers) add_providers(*providers, components, auto_start);
  if (packs && providers) told.components = std::move(components);
  if (packs) told.prerequisites = std::move(prerequisites);
  if (providers) told.auto_start = std::move(auto_start);
  const std::optional<json::value> preferences = co_await look_up(api, client::get_prefs());
  if (preferences) told.prefs = shared_preferences(*preferences);
  const std::optional<json::value> global =
      co_await look_up(api, client::get_object_params("profiles", "global"));
  if (global && global->is_object()) told.global = global->get_object();
  const std::optional<json::value> plugins = co_await look_up(api, client::get_collection("plugins"));
  if (plugins) told.plugins = own_plugins(*plugins, endpoint);
  told.ux_version = co_await ux_version(api);
  if (const json::value* licence = info->if_contains("License")) told.licence = *licence;
  told.configured_by = co_await lease_holder(api);
  told.files = std::move(uploads);
  told.files_incomplete = true;  // checksums are asked for when they matter
  co_return out;
}

env::Task<Result<std::string>> checksum_of(Api& api, std::string path) {
  Result<Answer> answer = co_await api.ask(client::blob_request(client::head_files, client::head_isos, path));
  if (!answer) co_return answer.error();
  const bool hexadecimal = std::ranges::all_of(answer->sha256, is_hex_digit);
  co_return answer->status == 200 && hexadecimal ? answer->sha256 : "";
}

bool is_upload(std::string_view type, std::string_view key) {
  constexpr size_t kLongest = 1000;
  if ((type != "files" && type != "isos") || key.empty() || key.size() > kLongest) return false;
  return !key.starts_with("rebar-catalog/") && !key.starts_with("travelled/") && !key.starts_with("ux/");
}

bool is_reported(std::string_view type, std::string_view key) {
  constexpr std::array<std::string_view, 4> kTypes{"contents", "plugin_providers", "plugins", "preferences"};
  if (std::ranges::find(kTypes, type) != kTypes.end()) return true;
  return (type == "profiles" && (key == "global" || key == kLeaseMarker)) ||
         (type == "files" && key.starts_with("ux/"));
}

}  // namespace mullion::mirror
