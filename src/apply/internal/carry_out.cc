#include "apply/internal/carry_out.h"

#include <fmt/format.h>

#include "client/routes.h"
#include "model/members.h"
#include "versionset/values.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kUxPackage = "files/ux/drp-ux.zip";

constexpr std::string_view kProviders = "plugin_providers";

/// Version of a pack or provider at the endpoint; absent when it is not there.
Task<Result<std::optional<std::string>>> version_there(manager::EndpointCalls& calls, Kind kind,
                                                       std::string name) {
  const bool provider = kind == Kind::kPluginProvider;
  client::Request request = provider ? client::get_object(kProviders, name) : client::get_contents();
  Result<std::optional<json::value>> found = co_await client::look_up(calls, std::move(request));
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
  client::Request request =
      provider ? client::delete_plugin_providers(action.name) : client::delete_contents(action.name);
  net::ClientRequest sent = client::bare_request(request);
  Result<client::Answer> removed = co_await client::ask(target.calls, std::move(request), std::move(sent));
  if (!removed) co_return removed.error();
  there = co_await version_there(target.calls, action.kind, action.name);
  if (!there) co_return there.error();
  if (*there) co_return not_shown(action, "it is still there");
  co_return Effect::kChanged;
}

client::Request component_request(const Action& action, bool there) {
  if (action.kind == Kind::kPluginProvider) return client::post_plugin_providers(action.name);
  return there ? client::put_contents(action.name) : client::post_contents();
}

Result<catalog::Artifact> artifact_of(const Action& action) {
  if (action.artifact) return *action.artifact;
  return Error(ErrorCode::kInvalid,
               fmt::format("{} {} names nothing to send", versionset::kind_name(action.kind), action.name));
}

Task<Result<files::Blobs::Info>> fetch(const Target& target, const Action& action) {
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
  Result<files::Blobs::Info> file = co_await fetch(target, action);
  if (!file) co_return file.error();
  client::Request request = component_request(action, there->has_value());
  if (action.replace_writable) request = request.with("replaceWritable", "true");
  net::ClientRequest bytes = client::bare_request(request);
  const bool provider = action.kind == Kind::kPluginProvider;
  bytes.headers.set("Content-Type", provider ? "application/octet-stream" : "application/json");
  Result<client::Answer> sent =
      co_await send_file(target, std::move(request), std::move(bytes), std::move(*file));
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
  Result<files::Blobs::Info> file = co_await fetch(target, action);
  if (!file) co_return file.error();
  if (*there == file->sha256) co_return Effect::kNone;
  Result<void> sent = co_await upload_intact(target, path, std::move(*file), explode);
  if (!sent) co_return sent.error();
  co_return Effect::kChanged;
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
