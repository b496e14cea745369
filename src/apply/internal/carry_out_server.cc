// Another version of the server itself: the endpoint tries it, and comes back with it or with the old one.
#include <fmt/format.h>

#include <algorithm>

#include "apply/internal/carry_out.h"
#include "apply/internal/log.h"
#include "base/json.h"
#include "client/routes.h"
#include "files/archive.h"
#include "files/blobs.h"
#include "model/members.h"
#include "model/messages.h"
#include "versionset/values.h"

namespace mullion::apply {
namespace {

constexpr auto kQuickLook = std::chrono::seconds(5);

/// Asked while it restarts: not to be waited for long.
net::ClientRequest quick_request(const client::Request& request) {
  net::ClientRequest sent = client::get_request(request);
  sent.timeout = kQuickLook;
  return sent;
}

/// A message as it is now.
template <typename Message>
Task<Result<Message>> read_now(manager::EndpointCalls& calls, client::Request request) {
  net::ClientRequest sent = quick_request(request);
  Result<client::Answer> answer = co_await client::ask(calls, std::move(request), std::move(sent));
  if (!answer) co_return answer.error();
  Result<Message> message = model::read_message<Message>(answer->body);
  if (!message) co_return Error(ErrorCode::kInternal, "the answer is no JSON object");
  co_return message;
}

/// Why the endpoint went back from this version; "" when it did not, or does not tell.
Task<std::string> way_back(manager::EndpointCalls& calls, std::string version) {
  Result<model::UpgradeStatus> status =
      co_await read_now<model::UpgradeStatus>(calls, client::get_system_upgrade());
  if (!status || status->state != "rolled back") co_return std::string();
  if (!versionset::same_version(status->to.value_or(""), version)) co_return std::string();
  co_return status->text;
}

Task<Result<Effect>> await_version(const Target& target, const Action& action, RestartPatience patience) {
  const env::SteadyTime deadline = target.clock.steady() + patience.deadline;
  std::string seen = "it did not answer";
  while (target.clock.steady() < deadline) {
    co_await target.timers.sleep_for(patience.pause);
    Result<model::EndpointInfo> info =
        co_await read_now<model::EndpointInfo>(target.calls, client::get_info());
    if (!info) continue;
    seen = "it runs " + info->version.value_or("");
    if (versionset::same_version(info->version.value_or(""), action.actual_version))
      co_return Effect::kChanged;
    const std::string reason = co_await way_back(target.calls, action.actual_version);
    if (!reason.empty()) co_return Error(ErrorCode::kInvalid, reason);
  }
  co_return Error(
      ErrorCode::kInternal,
      fmt::format("the endpoint did not come back with {} within {} s: {}", action.actual_version,
                  std::chrono::duration_cast<std::chrono::seconds>(patience.deadline).count(), seen));
}

/// Path of the package at the endpoint until it runs: there it comes in pieces, and a cut resumes.
std::string package_place(const catalog::Artifact& artifact) {
  constexpr size_t kDigits = 16;
  return fmt::format("files/upgrades/{}.zip", artifact.sha256.substr(0, kDigits));
}

Task<void> remove_package(manager::EndpointCalls& calls, std::string place) {
  const Result<client::Answer> removed = co_await calls.send(
      client::get_request(client::blob_request(client::delete_files, client::delete_isos, place)));
  if (!removed)
    kApplyLog.debug("a package of the server stays at the endpoint reason={}", removed.error().text());
}

Task<Result<void>> bring_package(const Target& target, std::string place, files::Blobs::Info package) {
  Result<std::string> there = co_await checksum_there(target.calls, place);
  if (!there) co_return there.error();
  if (*there == package.sha256) co_return Result<void>{};
  co_return co_await upload_file(target, std::move(place), std::move(package), false);
}

/// The package lies at the endpoint already.
Task<Result<client::Answer>> ask_for_upgrade(const Target& target, std::string place) {
  // An older version is wanted when it is declared.
  client::Request request = client::post_system_upgrade().with("force", "true").with("file", place);
  co_return co_await client::ask(target.calls, std::move(request));
}

/// Whether a package holds this program.
Task<bool> is_ours(files::Blobs::Info package) {
  constexpr size_t kFirstEntries = 4;
  constexpr uint64_t kLongestManifest = 64 << 10;
  Result<std::vector<std::pair<std::string, std::string>>> entries = Error(ErrorCode::kInternal, "");
  co_await env::run_blocking(
      [&] { entries = files::first_entries(package.file, kFirstEntries, kLongestManifest); });
  if (!entries) co_return false;
  co_return std::ranges::any_of(*entries, [](const auto& entry) {
    return entry.first == "manifest.json" &&
           model::text_member(model::parse_object(entry.second), "name") == "mullion";
  });
}

/// A server of another make takes the package with the request; it could not run ours.
Task<Result<client::Answer>> send_upgrade(const Target& target, files::Blobs::Info package) {
  const bool ours = co_await is_ours(package);
  if (ours) {
    co_return Error(
        ErrorCode::kInvalid,
        "the package holds Mullion, and the endpoint is a server of another make: the catalog needs that "
        "server's own package");
  }
  const client::Request request = client::post_system_upgrade();
  net::ClientRequest sent = client::get_request(request);
  sent.headers.set("Content-Type", "application/octet-stream");
  co_return co_await send_file(target, request, std::move(sent), std::move(package));
}

Task<Result<Effect>> upgraded(const Target& target, const Action& action, Result<client::Answer> sent,
                              RestartPatience patience) {
  // The restart may cut the answer; whether it was staged is seen by what comes back.
  if (!sent && !client::is_broken(sent.error())) co_return sent.error();
  if (!sent) {
    Result<model::EndpointInfo> again =
        co_await read_now<model::EndpointInfo>(target.calls, client::get_info());
    if (again) co_return sent.error();
  }
  co_return co_await await_version(target, action, patience);
}

}  // namespace

Task<Result<Effect>> carry_out_server(const Target& target, const Action& action, RestartPatience patience) {
  Result<model::EndpointInfo> info = co_await read_now<model::EndpointInfo>(target.calls, client::get_info());
  if (!info) co_return info.error();
  const bool lies_there = action.artifact && !target.calls.is_foreign();
  const std::string place = lies_there ? package_place(*action.artifact) : "";
  if (versionset::same_version(info->version.value_or(""), action.actual_version)) {
    if (!place.empty()) co_await remove_package(target.calls, place);
    co_return Effect::kNone;
  }
  const std::string reason = co_await way_back(target.calls, action.actual_version);
  if (!reason.empty()) {
    co_return Error(ErrorCode::kInvalid,
                    fmt::format("{}; it is not tried again before DELETE /system/upgrade there", reason));
  }
  if (!action.artifact) co_return Error(ErrorCode::kInvalid, "the version names nothing to send");
  Result<files::Blobs::Info> package = co_await target.artifacts.fetch(*action.artifact);
  if (!package) co_return package.error();
  if (target.calls.is_foreign()) {
    Result<client::Answer> sent = co_await send_upgrade(target, std::move(*package));
    co_return co_await upgraded(target, action, std::move(sent), patience);
  }
  Result<void> brought = co_await bring_package(target, place, std::move(*package));
  if (!brought) co_return brought.error();
  Result<client::Answer> sent = co_await ask_for_upgrade(target, place);
  Result<Effect> done = co_await upgraded(target, action, std::move(sent), patience);
  if (done || !client::is_broken(done.error())) co_await remove_package(target.calls, place);
  co_return done;
}

}  // namespace mullion::apply
