#include "mirror/internal/reported_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/letters.h"
#include "base/text.h"
#include "mirror/internal/shown.h"
#include "mirror/lease_marker.h"
#include "mirror/reported_parts.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::mirror {
namespace {

namespace json = boost::json;

/// Layers that every server has, and those that come with a provider.
constexpr std::array<std::string_view, 5> kOwnLayers{"basic", "default", "local", "plugin", "writable"};

/// Asks for the parts, one after the other, and notes what became of each.
class Parts {
 public:
  explicit Parts(Ask ask) : ask_(std::move(ask)) {}

  /// Absent: it was not read.
  env::Task<std::optional<json::value>> value(std::string_view part, client::Request request,
                                              json::kind kind) {
    const std::optional<Answer> answer = co_await answer_of(part, std::move(request));
    if (!answer) co_return std::nullopt;
    if (answer->status == 404) {
      note_status(part, answer->status);
      co_return std::nullopt;
    }
    Result<json::value> value = parse_json(answer->body);
    if (!value || value->kind() != kind) {
      note(part, AskedPart::Outcome::kFailed, Error(ErrorCode::kCorrupt, "its answer cannot be read"));
      co_return std::nullopt;
    }
    note(part, AskedPart::Outcome::kRead);
    co_return std::move(*value);
  }

  /// "" where there is none. Absent: it was not read.
  env::Task<std::optional<std::string>> text(std::string_view part, client::Request request) {
    std::optional<Answer> answer = co_await answer_of(part, std::move(request));
    if (!answer) co_return std::nullopt;
    note(part, AskedPart::Outcome::kRead);
    co_return answer->status == 200 ? std::move(answer->body) : "";
  }

  /// Of a part that was asked for twice, what failed counts.
  void note(std::string_view part, AskedPart::Outcome outcome, Error why = {}) {
    const auto [known, added] = asked_.try_emplace(part);
    if (added || outcome != AskedPart::Outcome::kRead) known->second = {part, outcome, std::move(why)};
  }

  std::vector<AskedPart> asked() const {
    std::vector<AskedPart> out;
    out.reserve(asked_.size());
    for (const auto& [part, one] : asked_) out.push_back(one);
    return out;
  }
  const std::optional<Error>& cut() const { return cut_; }

 private:
  /// That it has the part, or nothing of the kind (404). After a request that got no answer nothing is asked.
  env::Task<std::optional<Answer>> answer_of(std::string_view part, client::Request request) {
    if (cut_) {
      note(part, AskedPart::Outcome::kFailed, *cut_);
      co_return std::nullopt;
    }
    Result<Answer> answer = co_await ask_(std::move(request));
    if (!answer) {
      note(part, AskedPart::Outcome::kFailed, answer.error());
      if (answer.error().code != ErrorCode::kTooLarge) cut_ = answer.error();
      co_return std::nullopt;
    }
    if (answer->status == 200 || answer->status == 404) co_return std::move(*answer);
    note_status(part, answer->status);
    co_return std::nullopt;
  }
  void note_status(std::string_view part, int status) {
    const bool refused = status == 403 || status == 404;
    note(part, refused ? AskedPart::Outcome::kRefused : AskedPart::Outcome::kFailed,
         Error(ErrorCode::kInternal, fmt::format("it answers {}", status)));
  }

  Ask ask_;
  std::map<std::string_view, AskedPart> asked_;
  std::optional<Error> cut_;
};

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
/// Absent: it was not read.
env::Task<std::optional<std::string>> lease_holder(Parts& parts) {
  const std::optional<std::string> body =
      co_await parts.text(kLeasePart, client::get_object("profiles", kLeaseMarker));
  if (!body || body->empty()) co_return body;
  const std::optional<json::object> marker = model::read_object(*body);
  if (!marker) {
    parts.note(kLeasePart, AskedPart::Outcome::kFailed,
               Error(ErrorCode::kCorrupt, "its answer cannot be read"));
    co_return std::nullopt;
  }
  co_return model::text_member(model::object_member(*marker, "Params"), kLeaseHolder);
}

/// Of the portal that is installed there; "" when none is. Packages say it in one of two files. Absent: it
/// was not read.
env::Task<std::optional<std::string>> ux_version(Parts& parts) {
  constexpr size_t kLongest = 100;
  const std::optional<std::string> described =
      co_await parts.text(kPortalPart, client::get_files("ux/ux-version.json"));
  if (!described) co_return std::nullopt;
  std::string version;
  if (const auto object = model::read_object(*described)) version = model::text_member(*object, "version");
  if (version.empty()) {
    const std::optional<std::string> line = co_await parts.text(kPortalPart, client::get_files("ux/version"));
    if (!line) co_return std::nullopt;
    version = line->substr(0, line->find_first_of("\r\n"));
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
    if (const auto number = model::count_of(*count)) out[name.substr(0, name.size() - kEnd.size())] = *number;
  }
  return out;
}

}  // namespace

Counts read_counts(std::string_view info) {
  const std::optional<json::object> object = model::read_object(info);
  return object ? counts_of(*object) : Counts();
}

env::Task<Result<ReportedState>> read_state(Ask ask, std::string endpoint, Uploads uploads) {
  const Result<Answer> answer = co_await ask(client::get_info());
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
  Parts parts(std::move(ask));
  Components components;
  std::vector<std::string> auto_start;
  Texts prerequisites;
  const auto packs = co_await parts.value(kPacksPart, client::get_contents(), json::kind::array);
  const auto providers =
      co_await parts.value(kProvidersPart, client::get_collection("plugin_providers"), json::kind::array);
  if (packs) add_packs(*packs, components, prerequisites);
  if (providers) add_providers(*providers, components, auto_start);
  if (packs && providers) told.components = std::move(components);
  if (packs) told.prerequisites = std::move(prerequisites);
  if (providers) told.auto_start = std::move(auto_start);
  const auto preferences = co_await parts.value(kPreferencesPart, client::get_prefs(), json::kind::object);
  if (preferences) told.prefs = shared_preferences(*preferences);
  const auto global =
      co_await parts.value(kGlobalPart, client::get_object_params("profiles", "global"), json::kind::object);
  if (global) told.global = global->get_object();
  const auto plugins =
      co_await parts.value(kPluginsPart, client::get_collection("plugins"), json::kind::array);
  if (plugins) told.plugins = own_plugins(*plugins, endpoint);
  told.ux_version = co_await ux_version(parts);
  if (const json::value* licence = info->if_contains("License")) told.licence = *licence;
  told.configured_by = co_await lease_holder(parts);
  told.files = std::move(uploads);
  told.files_incomplete = true;  // checksums are asked for when they matter
  out.parts = parts.asked();
  out.cut = parts.cut();
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
