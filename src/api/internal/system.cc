// The system itself: backups and its program.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "base/text.h"
#include "env/file.h"
#include "env/random.h"
#include "model/members.h"
#include "model/messages.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// A package that came before as a file of this server, where it could come in pieces.
env::Task<Result<net::BodySourcePtr>> uploaded_package(Call& call, std::string name) {
  constexpr std::string_view kFiles = "files/";
  const Error missing(ErrorCode::kInvalid, "", "system", "upgrade",
                      {fmt::format("file: {} is no file of this server", name)});
  if (!name.starts_with(kFiles)) co_return missing;
  Result<files::Blobs::Info> info = missing;
  co_await env::run_blocking([&] { info = call.services.blobs.look("files", name.substr(kFiles.size())); });
  if (!info || info->size == 0) co_return missing;
  co_return call.services.blobs.open(*info, 0, info->size - 1);
}

/// The package that the query names; none: it is the request's body.
env::Task<Result<net::BodySourcePtr>> named_package(Call& call) {
  const auto named = call.request.query_value("file");
  if (!named) co_return net::BodySourcePtr();
  std::string name(*named);
  co_return co_await uploaded_package(call, std::move(name));
}

json::value package_info(std::string_view path, uint64_t size) {
  return json::object{{"Path", path}, {"Size", size}};
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> make_backup(Call& call) {
  std::string name = env::format_rfc3339(call.services.clock.wall()).substr(0, 19);
  std::erase_if(name, [](char c) { return c == ':' || c == '-'; });
  const env::Path directory =
      call.services.facts.backups / fmt::format("{}-{:08x}", name, env::random_id() >> 32);
  Result<void> copied = co_await heavy(call, env::Pool::kLong, [&] {
    Result<void> made = env::make_directories(call.services.facts.backups, 0700);
    return made ? call.services.store.backup(directory) : made;
  });
  if (!copied) co_return copied.error();
  co_return json_response(200, json::value(json::object{{"Path", directory.string()}}));
}

env::Task<Result<net::Response>> upgrade_server(Call& call) {
  Result<net::BodySourcePtr> package = co_await named_package(call);
  if (!package) co_return package.error();
  net::BodySource& body = *package ? **package : *call.request.body;
  UpgradeWish wish{call.flag("force"), call.flag("skipOffline"), call.query_text("member"),
                   call.principal.audit_name()};
  Result<uint64_t> size = co_await call.services.upgrades.upgrade(body, std::move(wish));
  if (!size) co_return size.error();
  co_return json_response(201, package_info("system/upgrade", *size));
}

env::Task<Result<net::Response>> stage_upgrade(Call& call) {
  Result<net::BodySourcePtr> package = co_await named_package(call);
  if (!package) co_return package.error();
  net::BodySource& body = *package ? **package : *call.request.body;
  Result<uint64_t> size = co_await call.services.upgrades.stage(body, call.flag("force"));
  if (!size) co_return size.error();
  co_return json_response(201, package_info("system/upgrade/stage", *size));
}

env::Task<Result<net::Response>> unstage_upgrade(Call& call) {
  Result<void> gone = co_await call.services.upgrades.unstage();
  if (!gone) co_return gone.error();
  co_return json_response(204, std::string());
}

/// `run` and `exec` are one: a server alone is a cluster of one, and members have their turns either way.
env::Task<Result<net::Response>> run_staged_upgrade(Call& call) {
  Result<bool> begun = co_await call.services.upgrades.upgrade_to_staged(call.principal.audit_name());
  if (!begun) co_return begun.error();
  co_return json_response(*begun ? 202 : 204, std::string());
}

env::Task<Result<net::Response>> show_upgrade(Call& call) {
  model::UpgradeStatus status;
  co_await env::run_blocking([&] { status = call.services.upgrades.status(); });
  co_return json_response(200, model::message_text(status));
}

env::Task<Result<net::Response>> show_upgrade_status(Call& call) {
  model::UpgradeStatus status;
  co_await env::run_blocking([&] { status = call.services.upgrades.status(); });
  const model::ObjectType& profiles = *model::find_object_type("profiles");
  Result<json::object> profile = model::normalise(
      profiles, json::object{{"Name", "upgrade-status"}, {"Params", status.write()}}, nullptr);
  if (!profile) co_return profile.error();
  std::string text;
  model::append_with_endpoint(text, model::canonical_body(profiles, *profile), "");
  co_return json_response(200, std::move(text));
}

env::Task<Result<net::Response>> show_metrics(Call& call) {
  const std::vector<std::string> names = split_list(call.query_text("names"));
  Result<std::string> text = Error(ErrorCode::kUnavailable, "this server keeps no metrics");
  if (call.services.metrics) co_await env::run_blocking([&] { text = call.services.metrics(names); });
  if (!text) co_return text.error();
  co_return json_response(200, std::move(*text));
}

env::Task<Result<net::Response>> forget_upgrade(Call& call) {
  co_await env::run_blocking([&] { call.services.upgrades.forget(); });
  co_return json_response(204, std::string());
}

}  // namespace handlers
}  // namespace mullion::api
