// The steps of removals: what keeps an object, and what goes with it.
#include "objects/internal/private_values.h"
#include "objects/internal/write_attempt.h"
#include "objects/params.h"
#include "objects/references.h"
#include "objects/shown_secrets.h"
#include "store/commit_async.h"

namespace mullion::objects {

Write::Outcome Write::check_removable() {
  if (hooks_.not_removable == nullptr) return Next::kGoOn;
  std::vector<std::string> breaches = hooks_.not_removable(attempt_->draft);
  if (breaches.empty()) return Next::kGoOn;
  return broken(std::move(breaches));
}

/// What only keeps an own object is told before who refers to it.
Write::Outcome Write::check_unused() {
  const Attempt& at = *attempt_;
  std::vector<std::string> reasons;
  if (at.current.owner == store::kOwn && hooks_.in_use != nullptr)
    reasons = hooks_.in_use(at.draft, *at.snapshot);
  std::vector<std::string> referrers =
      references_to(context_, *at.snapshot, caller_.rights, type_.prefix, key_);
  reasons.insert(reasons.end(), std::make_move_iterator(referrers.begin()),
                 std::make_move_iterator(referrers.end()));
  if (reasons.empty()) return Next::kGoOn;
  return Error(ErrorCode::kConflict, "StillInUseError", std::string(type_.prefix), at.draft.key,
               std::move(reasons));
}

Write::Outcome Write::refuse_layered() {
  if (attempt_->current.owner == store::kOwn) return Next::kGoOn;
  return Error(ErrorCode::kInvalid, "readonly: " + attempt_->draft.key);
}

env::Task<Write::Outcome> Write::commit_removal() {
  Attempt& at = *attempt_;
  // An object of a layer that shows again is sealed with the same key pair.
  const bool takes_keys = may_hold_secure_values(type_) && !layer_below_;
  at.written.secret = visible_secret(caller_.principal, caller_.rights, *at.snapshot, type_, at.current);
  store::Change change;
  change.id = {std::string(type_.prefix), std::string(store::kOwn), at.current.key};
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(at.current.body);
  for (store::Change& leaving : auth::leave_tenants(*at.snapshot, context_.tenants,
                                                    {type_.prefix, at.current.owner, at.current.key})) {
    if (leaving.id != change.id) at.batch.changes.push_back(std::move(leaving));
  }
  at.batch.changes.push_back(std::move(change));
  at.batch.principal = caller_.principal.audit_name();
  if (has_secret_fields(type_))
    at.batch.secrets.push_back({std::string(type_.prefix), at.current.key, std::nullopt});
  if (takes_keys) {
    at.batch.guards.push_back(no_layer_below(type_, at.current.key));
    at.batch.secrets.push_back({std::string(kBoxSpace), box_name(type_, at.current.key), std::nullopt});
  }
  at.snapshot.reset();
  Result<store::Cursor> cursor = co_await store::commit_async(context_.store, std::move(at.batch));
  if (!cursor && cursor.error().code == ErrorCode::kConflict) {
    layer_below_ = layer_below_ || cursor.error().messages == std::vector<std::string>{"already exists"};
    co_return Next::kAgain;
  }
  if (!cursor) co_return of_store(cursor.error());
  if (hooks_.on_secrets_changed != nullptr) hooks_.on_secrets_changed(at.draft);
  if (takes_keys) auth::forget_told_key_pair(type_.prefix, at.current.key);
  at.written.target = std::move(at.current);
  at.written.cursor = *cursor;
  co_return Next::kDone;
}

}  // namespace mullion::objects
