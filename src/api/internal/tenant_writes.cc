#include "api/internal/tenant_writes.h"

#include "api/internal/log.h"
#include "api/internal/write_support.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// The key of the object that an owner says it created.
std::string created_key(const model::ObjectType& type, std::string_view body) {
  const Result<json::object> object = parse_stored(body);
  return object ? model::object_key(type, *object) : std::string();
}

env::Task<Result<void>> join(Call& call, const std::string& key) {
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(tenant_turn(call));
  if (!turn) co_return turn.error();
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    store::Batch batch;
    batch.principal = call.principal.audit_name();
    Result<void> joined = join_own_tenant(call, *call.services.store.snapshot(), key, batch);
    if (!joined || batch.changes.empty()) co_return joined;
    Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(batch));
    if (cursor) co_return Result<void>{};
    if (cursor.error().code != ErrorCode::kConflict) co_return cursor.error();
  }
  co_return Error(ErrorCode::kConflict, "Too many others change the same tenant at the same time");
}

}  // namespace

Result<void> join_own_tenant(const Call& call, const store::Snapshot& snapshot, const std::string& key,
                             store::Batch& batch) {
  if (call.principal.tenant == nullptr) return {};
  Result<std::optional<store::Change>> joining =
      auth::join_tenant(snapshot, *call.principal.tenant, {call.type->prefix, call.owner, key});
  if (!joining) return joining.error();
  if (*joining) batch.changes.push_back(std::move(**joining));
  return {};
}

env::Task<Result<net::Response>> join_forwarded(Call& call, net::Response answer) {
  if (auto* source = std::get_if<net::BodySourcePtr>(&answer.body)) {
    Result<std::string> text = co_await net::read_all(**source, call.services.limits.body_bytes);
    if (!text) co_return text.error();
    answer.body = std::move(*text);
  }
  const std::string key = created_key(*call.type, std::get<std::string>(answer.body));
  Result<void> joined = Error(ErrorCode::kInternal, "The answer names no key");
  if (!key.empty()) joined = co_await join(call, key);
  if (joined) co_return answer;
  kLog.warn("object made elsewhere did not join its tenant tenant={} type={} key={} reason={}",
            call.principal.tenant->name(), call.type->prefix, key, joined.error().text());
  Error error = joined.error();
  error.messages.insert(error.messages.begin(), fmt::format("{} was created, but could not join tenant {}",
                                                            key, call.principal.tenant->name()));
  co_return error;
}

}  // namespace mullion::api
