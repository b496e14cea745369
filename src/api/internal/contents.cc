// Content packs, files and isos.
#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/secure_upgrade.h"
#include "base/json.h"
#include "model/members.h"

namespace mullion::api {
namespace {

/// Loading a pack compiles many objects: it runs beside the coroutine threads.
env::Task<Result<std::string>> load(Call& call, bool replace, std::string name) {
  const bool replace_writable = call.flag("replaceWritable");
  const std::string principal = call.principal.audit_name();
  Result<std::string> summary = co_await heavy(call, env::Pool::kLong, [&] {
    return call.services.layers.load(call.body, replace, name, replace_writable, principal);
  });
  if (!summary) co_return summary;
  Result<void> sealed = co_await seal_clear_values(call.services);
  if (!sealed) co_return sealed.error();
  co_return summary;
}

/// A pack without the objects that do not exist for the caller.
Result<std::string> cut_to_tenant(const Call& call, std::string content) {
  if (call.principal.tenant == nullptr) return content;
  Result<json::object> pack = parse_stored(content);
  if (!pack) return pack.error();
  json::value* sections = pack->if_contains("sections");
  if (sections == nullptr || !sections->is_object()) return content;
  for (auto& [prefix, objects] : sections->get_object()) {
    if (!objects.is_object()) continue;
    json::object kept;
    for (auto& [key, object] : objects.get_object()) {
      if (call.principal.sees({prefix, store::kLayered, key})) kept.emplace(key, std::move(object));
    }
    objects = std::move(kept);
  }
  // That there are some of a type is a word about them, too.
  json::object& all = sections->get_object();
  for (auto section = all.begin(); section != all.end();) {
    const bool empty = section->value().is_object() && section->value().get_object().empty();
    section = empty ? all.erase(section) : section + 1;
  }
  return json::serialize(*pack);
}

/// Summaries that count what exists for the caller.
std::string counted_for_tenant(const Call& call, std::string summaries) {
  if (call.principal.tenant == nullptr) return summaries;
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  json::value parsed = own_json(summaries);
  for (json::value& summary : parsed.as_array()) {
    const std::string layer = model::text_member(model::object_member(summary.as_object(), "meta"), "Name");
    json::object kept;
    for (const auto& [prefix, count] : model::object_member(summary.as_object(), "Counts")) {
      if (!call.principal.tenant->restricts(prefix)) {
        kept.emplace(prefix, count);
        continue;
      }
      const uint64_t visible = count_of_layer(call.principal, *snapshot, prefix, layer);
      if (visible > 0) kept.emplace(prefix, visible);
    }
    summary.as_object()["Counts"] = std::move(kept);
  }
  return json::serialize(parsed);
}

Error content_error(const Call& call, Error error) {
  if (error.model.empty()) error.model = "contents";
  if (error.key.empty() && call.arguments.has("id")) error.key = call.requested_id();
  return error;
}

/// Packs show secure values in clear to those who may read them where they live; others get SecureData.
packs::Layers::Opener opener_for(Call& call) {
  return [&call](std::string_view prefix, std::string_view key,
                 std::string_view sealed) -> std::optional<std::string> {
    const auth::Right right{std::string(prefix), "getSecure", auth::Subject::here(std::string(key))};
    if (!auth::authorise(call.principal, right, call.uri)) return std::nullopt;
    const auto pair = auth::object_key_pair(call.services.store, prefix, key);
    if (!pair) return std::nullopt;
    auto clear = auth::open_sealed(*pair, sealed);
    return clear ? std::optional(std::move(*clear)) : std::nullopt;
  };
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_contents(Call& call) {
  co_return json_response(200, counted_for_tenant(call, call.services.layers.summaries()));
}

env::Task<Result<net::Response>> show_content(Call& call) {
  Result<std::string> content = co_await heavy(call, env::Pool::kLong, [&] {
    Result<std::string> whole = call.services.layers.show(call.requested_id(), opener_for(call));
    return whole ? cut_to_tenant(call, std::move(*whole)) : whole;
  });
  if (!content) co_return content_error(call, content.error());
  co_return json_response(200, std::move(*content));
}

env::Task<Result<net::Response>> load_content(Call& call) {
  Result<std::string> summary = co_await load(call, false, "");
  if (!summary) co_return summary.error();  // shaped already, some of them without Model
  co_return json_response(201, std::move(*summary));
}

env::Task<Result<net::Response>> replace_content(Call& call) {
  Result<std::string> summary = co_await load(call, true, call.requested_id());
  if (!summary) co_return content_error(call, summary.error());
  co_return json_response(200, std::move(*summary));
}

env::Task<Result<net::Response>> remove_content(Call& call) {
  Result<void> outcome = co_await heavy(call, env::Pool::kLong, [&] {
    return call.services.layers.remove(call.requested_id(), call.principal.audit_name());
  });
  if (!outcome) co_return content_error(call, outcome.error());
  Result<void> sealed = co_await seal_clear_values(call.services);
  if (!sealed) co_return sealed.error();
  co_return json_response(204, std::string());
}

env::Task<Result<net::Response>> list_files(Call& call) { co_return co_await list_blobs(call, "files"); }
env::Task<Result<net::Response>> list_isos(Call& call) { co_return co_await list_blobs(call, "isos"); }
env::Task<Result<net::Response>> upload_file(Call& call) { co_return co_await upload_blob(call, "files"); }
env::Task<Result<net::Response>> upload_iso(Call& call) { co_return co_await upload_blob(call, "isos"); }
env::Task<Result<net::Response>> remove_file(Call& call) { co_return co_await remove_blob(call, "files"); }
env::Task<Result<net::Response>> remove_iso(Call& call) { co_return co_await remove_blob(call, "isos"); }

env::Task<Result<net::Response>> show_file(Call& call) { co_return co_await show_blob(call, "files"); }
env::Task<Result<net::Response>> show_iso(Call& call) { co_return co_await show_blob(call, "isos"); }

}  // namespace handlers
}  // namespace mullion::api
