#include "apply/internal/carry_out.h"

#include <fmt/format.h>

#include "model/members.h"
#include "versionset/values.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kUxPackage = "files/ux/drp-ux.zip";

std::string with_flag(std::string target, bool flag, std::string_view name) {
  return flag ? fmt::format("{}?{}=true", target, name) : target;
}

/// Version of a pack or provider at the endpoint; absent when it is not there.
Task<Result<std::optional<std::string>>> version_there(manager::EndpointCalls& calls, Kind kind,
                                                       std::string name) {
  const bool provider = kind == Kind::kPluginProvider;
  const std::string where = provider ? manager::target_of("plugin_providers/" + name) : "/api/v3/contents";
  Result<std::optional<json::value>> found = co_await manager::look_up(calls, where);
  if (!found) co_return found.error();
  if (!*found) co_return std::optional<std::string>();
  if ((*found)->is_object()) co_return std::optional(model::text_member((*found)->get_object(), "Version"));
  if (!(*found)->is_array()) co_return std::optional<std::string>();
  for (const json::value& summary : (*found)->get_array()) {
    if (!summary.is_object()) continue;
    const json::object& meta = model::object_member(summary.get_object(), "meta");
    if (model::text_member(meta, "Name") == name)
      co_return std::optional(model::text_member(meta, "Version"));
  }
  co_return std::optional<std::string>();
}

Task<Result<Effect>> remove_component(const Target& target, const Action& action) {
  const bool provider = action.kind == Kind::kPluginProvider;
  Result<std::optional<std::string>> there = co_await version_there(target.calls, action.kind, action.name);
  if (!there) co_return there.error();
  if (!*there) co_return Effect::kNone;
  net::ClientRequest request;
  request.method = "DELETE";
  request.target = manager::target_of((provider ? "plugin_providers/" : "contents/") + action.name);
  Result<manager::Answer> removed = co_await manager::ask(target.calls, std::move(request));
  if (!removed) co_return removed.error();
  there = co_await version_there(target.calls, action.kind, action.name);
  if (!there) co_return there.error();
  if (*there) co_return not_shown(action, "it is still there");
  co_return Effect::kChanged;
}

net::ClientRequest component_request(const Action& action, bool there) {
  net::ClientRequest request;
  const bool provider = action.kind == Kind::kPluginProvider;
  const bool replace = there && !provider;
  std::string where = provider ? manager::target_of("plugin_providers/" + action.name) : "/api/v3/contents";
  if (replace) where = manager::target_of("contents/" + action.name);
  request.method = replace ? "PUT" : "POST";
  request.target = with_flag(std::move(where), action.replace_writable, "replaceWritable");
  request.headers.set("Content-Type", provider ? "application/octet-stream" : "application/json");
  return request;
}

Result<catalog::Artifact> artifact_of(const Action& action) {
  if (action.artifact) return *action.artifact;
  return Error(ErrorCode::kInvalid,
               fmt::format("{} {} names nothing to send", versionset::kind_name(action.kind), action.name));
}

Task<Result<content::Blobs::Info>> fetch(const Target& target, const Action& action) {
  Result<catalog::Artifact> artifact = artifact_of(action);
  if (!artifact) co_return artifact.error();
  co_return co_await target.artifacts.fetch(std::move(*artifact));
}

}  // namespace

Error not_shown(const Action& action, std::string_view shown) {
  return Error(ErrorCode::kInternal, fmt::format("the endpoint took {} {}, but then {}",
                                                 versionset::kind_name(action.kind), action.name, shown));
}

Task<Result<Effect>> carry_out_component(const Target& target, const Action& action) {
  if (action.verb == "Delete") co_return co_await remove_component(target, action);
  Result<std::optional<std::string>> there = co_await version_there(target.calls, action.kind, action.name);
  if (!there) co_return there.error();
  if (*there && versionset::same_version(**there, action.actual_version)) co_return Effect::kNone;
  Result<content::Blobs::Info> file = co_await fetch(target, action);
  if (!file) co_return file.error();
  net::ClientRequest request = component_request(action, there->has_value());
  Result<manager::Answer> sent = co_await send_file(target, std::move(request), std::move(*file));
  if (!sent) co_return sent.error();
  there = co_await version_there(target.calls, action.kind, action.name);
  if (!there) co_return there.error();
  if (!*there) co_return not_shown(action, "does not have it");
  if (!versionset::same_version(**there, action.actual_version))
    co_return not_shown(action, fmt::format("shows version {}, not {}", **there, action.actual_version));
  co_return Effect::kChanged;
}

Task<Result<Effect>> carry_out_file(const Target& target, const Action& action) {
  const bool ux = action.kind == Kind::kDrpUx;
  const std::string path = ux ? std::string(kUxPackage) : action.name;
  const bool explode = ux || (action.value.is_bool() && action.value.get_bool());
  const std::string wanted = action.artifact ? action.artifact->sha256 : "";
  Result<std::string> there = co_await checksum_there(target.calls, path);
  if (!there) co_return there.error();
  if (!wanted.empty() && *there == wanted) co_return Effect::kNone;
  Result<content::Blobs::Info> file = co_await fetch(target, action);
  if (!file) co_return file.error();
  if (*there == file->sha256) co_return Effect::kNone;
  const std::string sha256 = file->sha256;
  Result<void> sent = co_await upload_file(target, path, std::move(*file), explode);
  if (!sent) co_return sent.error();
  there = co_await checksum_there(target.calls, path);
  if (!there) co_return there.error();
  if (*there == sha256) co_return Effect::kChanged;
  net::ClientRequest request;  // nobody shall boot from it
  request.method = "DELETE";
  request.target = manager::target_of(path);
  Result<manager::Answer> removed = co_await target.calls.send(std::move(request));
  if (!removed) co_return removed.error();
  co_return Error(ErrorCode::kCorrupt, fmt::format("{} arrived damaged: expected sha256 {}, it has {}", path,
                                                   sha256, there->empty() ? "none" : *there));
}

/// Of a file that the endpoint does not list nobody else will know that it is there.
Task<Result<Effect>> carry_out_noted_file(const Target& target, const Action& action) {
  Result<Effect> done = co_await carry_out_file(target, action);
  if (!done || !action.unlisted || action.version.empty()) co_return done;
  json::value wanted(action.version), unseen;
  std::string place = plan::file_place(action.name);
  Result<void> noted = co_await target.memory.remember_secret(target.endpoint, std::move(place),
                                                              std::move(wanted), std::move(unseen));
  if (!noted) co_return noted.error();
  co_return done;
}

Task<Result<Effect>> carry_out(const Target& target, const Action& action, RestartPatience patience) {
  switch (action.kind) {
    case Kind::kDrp:
      co_return co_await carry_out_server(target, action, patience);
    case Kind::kContentPackage:
    case Kind::kPluginProvider:
      co_return co_await carry_out_component(target, action);
    case Kind::kDrpUx:
      co_return co_await carry_out_file(target, action);
    case Kind::kFile:
      co_return co_await carry_out_noted_file(target, action);
    case Kind::kPlugin:
      co_return co_await carry_out_plugin(target, action);
    case Kind::kPref:
      co_return co_await carry_out_pref(target, action);
    case Kind::kGlobal:
      co_return co_await carry_out_global(target, action);
  }
  co_return Error(ErrorCode::kInternal, "an action of an unknown kind");
}

}  // namespace mullion::apply
