// Plugin providers: upload, download, removal; and what plugins ask of the API.
#include "api/internal/plugin_providers.h"

#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "content/archive.h"

namespace mullion::api {
namespace json = boost::json;
namespace {

constexpr std::string_view kManagerPlugin = "manager";

}  // namespace

Result<std::string> local_objects(Services& services, const std::string& prefix) {
  const model::ObjectType* type = services.find_type(prefix);
  if (type == nullptr) return Error(ErrorCode::kNotFound, fmt::format("No such collection {}", prefix));
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  std::string out = "[";
  std::string last;
  Result<void> scanned =
      snapshot->scan(prefix, "", [&](std::string_view key, std::string_view owner, std::string_view body) {
        // Own objects come before layered ones of the same key, which they hide.
        if (store::is_remote(owner) || (!last.empty() && last == key)) return true;
        if (out.size() > 1) out += ',';
        const Target target{std::string(key), std::string(owner), std::string(body)};
        (void)append_shown(out, services, *type, target, View{});
        last = key;
        return true;
      });
  if (!scanned) return scanned.error();
  return out + "]";
}

namespace handlers {

env::Task<Result<net::Response>> upload_provider(Call& call) {
  if (call.requested_id() == kManagerPlugin) {
    co_return object_error(
        call, ErrorCode::kInvalid,
        {fmt::format("Invalid Name `{}`: the manager's own actions are called by it", kManagerPlugin)});
  }
  Result<content::Providers::Upload> upload = co_await call.services.providers.upload(
      call.requested_id(), *call.request.body, call.services.limits.upload_bytes,
      call.flag("replaceWritable"), call.principal.audit_name());
  if (!upload) co_return upload.error();
  co_return json_response(201, json::value(json::object{{"path", upload->name}, {"size", upload->size}}));
}

env::Task<Result<net::Response>> download_provider(Call& call) {
  Result<env::Path> program = call.services.providers.program(call.requested_id());
  if (!program) co_return program.error();
  Result<net::BodySourcePtr> body = content::stream_file(*program);
  if (!body) co_return body.error();
  net::Response response;
  response.headers.set("Content-Type", "application/octet-stream");
  response.headers.set("Content-Length", std::to_string((*body)->size().value_or(0)));
  if (call.request.method != "HEAD") response.body = std::move(*body);
  co_return response;
}

env::Task<Result<net::Response>> remove_provider(Call& call) {
  const std::string& name = call.requested_id();
  const std::optional<store::StoredObject> before =
      call.services.store.snapshot()->get_local("plugin_providers", name);
  Result<void> removed = co_await call.services.providers.remove(name, call.principal.audit_name());
  if (!removed) co_return removed.error();
  co_return json_response(200, before ? before->body : std::string("null"));
}

}  // namespace handlers
}  // namespace mullion::api
