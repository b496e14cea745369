#include "objects/tenants.h"

#include "objects/turns.h"
#include "store/commit_async.h"

namespace mullion::objects {

Result<void> join_own_tenant(const store::Snapshot& snapshot, const auth::Principal& principal,
                             const auth::Identity& object, store::Batch& batch) {
  if (principal.tenant == nullptr) return {};
  Result<std::optional<store::Change>> joining = auth::join_tenant(snapshot, *principal.tenant, object);
  if (!joining) return joining.error();
  if (*joining) batch.changes.push_back(std::move(**joining));
  return {};
}

env::Task<Result<void>> join_own_tenant_now(Context& context, const auth::Principal& principal,
                                            const model::ObjectType& type, std::string owner,
                                            std::string key) {
  if (principal.tenant == nullptr) co_return Result<void>{};
  std::vector<std::string> names{object_turn("tenants", principal.tenant->name())};
  Result<env::Turns::Turn> turn = co_await context.turns.take(std::move(names));
  if (!turn) co_return turn.error();
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    store::Batch batch;
    batch.principal = principal.audit_name();
    Result<void> joined =
        join_own_tenant(*context.store.snapshot(), principal, {type.prefix, owner, key}, batch);
    if (!joined || batch.changes.empty()) co_return joined;
    Result<store::Cursor> cursor = co_await store::commit_async(context.store, std::move(batch));
    if (cursor) co_return Result<void>{};
    if (cursor.error().code != ErrorCode::kConflict) co_return cursor.error();
  }
  co_return Error(ErrorCode::kConflict, "Too many others change the same tenant at the same time");
}

}  // namespace mullion::objects
