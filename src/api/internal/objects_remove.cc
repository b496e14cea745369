// Removing objects: what keeps one, and what goes with it.
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/shown_secrets.h"
#include "api/internal/tenant_writes.h"
#include "api/internal/write_support.h"
#include "objects/params.h"
#include "objects/references.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// What refers to an object is told first; what only keeps one that could go otherwise, of own ones.
std::vector<std::string> reasons_to_keep(const Call& call, const objects::Draft& draft,
                                         const store::Snapshot& snapshot, bool own) {
  std::vector<std::string> reasons;
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (own && hooks.in_use != nullptr) reasons = hooks.in_use(draft, snapshot);
  std::vector<std::string> referrers = objects::references_to(call.services, snapshot, draft.caller.rights,
                                                              call.type->prefix, call.target.key);
  reasons.insert(reasons.end(), referrers.begin(), referrers.end());
  return reasons;
}

/// `keep_keys`: an object of a layer shows again, sealed with the same key pair.
store::Batch removal_batch(const Call& call, const store::Snapshot& snapshot, const Target& current,
                           bool keep_keys) {
  store::Batch batch;
  store::Change change;
  change.id = {std::string(call.type->prefix), std::string(store::kOwn), current.key};
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(current.body);
  for (store::Change& leaving : auth::leave_tenants(snapshot, call.services.authenticator.tenants(),
                                                    {call.type->prefix, current.owner, current.key})) {
    if (leaving.id != change.id) batch.changes.push_back(std::move(leaving));
  }
  batch.changes.push_back(std::move(change));
  batch.principal = call.principal.audit_name();
  if (has_secret_fields(*call.type)) {
    batch.secrets.push_back({std::string(call.type->prefix), current.key, std::nullopt});
  }
  if (objects::may_hold_secure_values(*call.type) && !keep_keys) {
    batch.guards.push_back(no_layer_below(*call.type, current.key));
    batch.secrets.push_back(
        {std::string(objects::kBoxSpace), objects::box_name(*call.type, current.key), std::nullopt});
  }
  return batch;
}

/// Of the object, and of the tenants that it leaves.
std::vector<std::string> removal_turns(const Call& call) {
  std::vector<std::string> names{object_turn(call.type->prefix, call.target.key)};
  for (const std::string& tenant : call.services.authenticator.tenants().holding(
           {call.type->prefix, call.target.owner, call.target.key})) {
    names.push_back(object_turn("tenants", tenant));
  }
  return names;
}

}  // namespace

store::Guard no_layer_below(const model::ObjectType& type, const std::string& key) {
  store::Guard guard;
  guard.id = {std::string(type.prefix), std::string(store::kLayered), key};
  guard.expect = store::Expect::kAbsent;
  return guard;
}

env::Task<Result<Written>> remove_local(Call& call) {
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(removal_turns(call));
  if (!turn) co_return turn.error();
  const RequestCaller caller(call);
  bool keep_keys = false;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
    const std::optional<Target> found = find_again(call, *snapshot);
    if (!found) co_return object_error(call, ErrorCode::kNotFound, {"Not Found"});
    const Target& current = *found;
    Result<json::object> object = parse_stored(current.body);
    if (!object) co_return object.error();
    const objects::Draft draft{*call.type, caller.get(), current.key, &*object};
    if (bool_member(*object, "Locked")) co_return object_error(call, ErrorCode::kLocked, {"Locked"});
    const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
    std::vector<std::string> breaches;
    if (hooks.not_removable != nullptr) breaches = hooks.not_removable(draft);
    if (!breaches.empty()) co_return validation_error(call, current.key, std::move(breaches));
    std::vector<std::string> reasons = reasons_to_keep(call, draft, *snapshot, current.owner == store::kOwn);
    if (!reasons.empty()) {
      co_return Error(ErrorCode::kConflict, "StillInUseError", std::string(call.type->prefix), current.key,
                      std::move(reasons));
    }
    if (current.owner != store::kOwn) co_return Error(ErrorCode::kInvalid, "readonly: " + current.key);
    const std::string secret = visible_secret(call.principal, *snapshot, *call.type, current);
    store::Batch batch = removal_batch(call, *snapshot, current, keep_keys);
    snapshot.reset();
    Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(batch));
    if (!cursor && cursor.error().code == ErrorCode::kConflict) {
      keep_keys = keep_keys || cursor.error().messages == std::vector<std::string>{"already exists"};
      continue;
    }
    if (!cursor) co_return commit_error(call, cursor.error(), current.key);
    if (hooks.on_secrets_changed != nullptr) hooks.on_secrets_changed(draft);
    if (objects::may_hold_secure_values(*call.type) && !keep_keys)
      auth::forget_told_key_pair(call.type->prefix, current.key);
    co_return Written{current, *cursor, secret};
  }
  co_return object_error(call, ErrorCode::kConflict, {"Too many others change this object at the same time"});
}

namespace handlers {

env::Task<Result<net::Response>> remove_object(Call& call) {
  Result<Written> written = co_await remove_local(call);
  if (!written) co_return written.error();
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (hooks.after_remove != nullptr) {
    const RequestCaller caller(call);
    const objects::Draft draft{*call.type, caller.get(), written->target.key};
    Result<void> followed = co_await hooks.after_remove(draft);
    if (!followed) co_return followed.error();
  }
  co_return written_response(call, 200, *written);
}

}  // namespace handlers
}  // namespace mullion::api
