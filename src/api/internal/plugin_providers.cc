// Plugin providers: upload, download, removal; and what plugins ask of the API.
#include "api/internal/plugin_providers.h"

#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/manager_actions.h"
#include "api/internal/objects.h"
#include "api/internal/secure_upgrade.h"
#include "files/file_body.h"
#include "objects/tenants.h"
#include "plugins/providers.h"

namespace mullion::api {
namespace json = boost::json;

namespace {

const model::ObjectType& provider_type() { return *model::find_object_type("plugin_providers"); }

/// A provider that the caller's tenant hides is one that is not there.
Result<void> exists_for_caller(const Call& call) {
  if (call.principal.sees({provider_type().prefix, store::kOwn, call.requested_id()})) return {};
  const std::string_view method =
      call.request.method == "HEAD" ? "GET" : std::string_view(call.request.method);
  return Error(ErrorCode::kNotFound, std::string(method), "plugin_providers", call.requested_id(),
               {"Not Found"});
}

/// A program must not take the place of one that its sender cannot know of.
Result<void> is_free_or_seen(const Call& call) {
  if (!is_taken_unseen(call, *call.services.store.snapshot(), provider_type(), call.requested_id()))
    return {};
  return Error(ErrorCode::kConflict, "", "plugin_providers", call.requested_id(), {"already exists"});
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> upload_provider(Call& call) {
  if (call.requested_id() == kManagerPlugin) {
    co_return object_error(
        call, ErrorCode::kInvalid,
        {fmt::format("Invalid Name `{}`: the manager's own actions are called by it", kManagerPlugin)});
  }
  if (Result<void> free = is_free_or_seen(call); !free) co_return free.error();
  Result<plugins::Providers::Upload> upload = co_await call.services.providers.upload(
      call.requested_id(), *call.request.body, call.services.limits.upload_bytes,
      call.flag("replaceWritable"), call.principal.audit_name());
  if (!upload) co_return upload.error();
  Result<void> joined = co_await objects::join_own_tenant_now(call.services, call.principal, provider_type(),
                                                              std::string(store::kOwn), upload->name);
  if (!joined) co_return joined.error();
  Result<void> sealed = co_await seal_clear_values(call.services);
  if (!sealed) co_return sealed.error();
  // The plugin of AutoStart can be used when the upload is answered.
  (void)co_await plugin_state(call.services, upload->name);
  co_return json_response(201, json::value(json::object{{"path", upload->name}, {"size", upload->size}}));
}

env::Task<Result<net::Response>> download_provider(Call& call) {
  if (Result<void> exists = exists_for_caller(call); !exists) co_return exists.error();
  Result<env::Path> program = call.services.providers.program(call.requested_id());
  if (!program) co_return program.error();
  Result<net::BodySourcePtr> body = files::stream_file(*program);
  if (!body) co_return body.error();
  net::Response response;
  response.headers.set("Content-Type", "application/octet-stream");
  response.headers.set("Content-Length", std::to_string((*body)->size().value_or(0)));
  if (call.request.method != "HEAD") response.body = std::move(*body);
  co_return response;
}

env::Task<Result<net::Response>> remove_provider(Call& call) {
  if (Result<void> exists = exists_for_caller(call); !exists) co_return exists.error();
  const std::string& name = call.requested_id();
  const std::optional<Target> before =
      find_here(call, *call.services.store.snapshot(), provider_type(), name);
  Result<void> removed = co_await call.services.providers.remove(name, call.principal.audit_name());
  if (!removed) co_return removed.error();
  Result<void> sealed = co_await seal_clear_values(call.services);
  if (!sealed) co_return sealed.error();
  co_return json_response(200, before ? before->body : std::string("null"));
}

}  // namespace handlers
}  // namespace mullion::api
