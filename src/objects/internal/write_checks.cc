// The steps of writes that create and change objects.
#include "env/random.h"
#include "model/bounded_work.h"
#include "model/index_value.h"
#include "model/json_schema.h"
#include "model/members.h"
#include "objects/internal/field_rights.h"
#include "objects/internal/log.h"
#include "objects/internal/new_references.h"
#include "objects/internal/private_values.h"
#include "objects/internal/write_attempt.h"
#include "objects/lookup.h"
#include "objects/params.h"
#include "objects/rights.h"
#include "objects/shown_secrets.h"
#include "objects/tenants.h"
#include "objects/turns.h"
#include "objects/unique_names.h"
#include "store/commit_async.h"

namespace mullion::objects {

namespace json = boost::json;

// ---- of both

Write::Outcome Write::find_stored() {
  Attempt& at = *attempt_;
  std::optional<store::StoredObject> stored = at.snapshot->get_local(type_.prefix, key_);
  if (!stored) return refusal(ErrorCode::kNotFound, {"Not Found"});
  at.current = {std::move(stored->id.key), std::move(stored->id.owner), std::move(stored->body)};
  Result<json::object> object = parse_stored(at.current.body);
  if (!object) return object.error();
  at.base = std::move(*object);
  at.draft.key = at.current.key;
  at.draft.before = &at.base;
  return Next::kGoOn;
}

Write::Outcome Write::check_shape() {
  Attempt& at = *attempt_;
  if (kind_ == Kind::kCreate) at.wanted = wanted_;
  if (!at.wanted.is_object()) {
    return Error(ErrorCode::kBadRequest, "", std::string(type_.prefix), "",
                 {"The body is not a JSON object"});
  }
  if (!caller_.rights.reads_everything()) at.named = at.wanted;
  at.secrets = set_members(model::take_secrets(type_, at.wanted.get_object()));
  Result<json::object> normal = model::normalise(type_, std::move(at.wanted), at.draft.before);
  if (!normal) return about_document(normal.error());
  at.draft.object = std::move(*normal);
  return Next::kGoOn;
}

Write::Outcome Write::let_type_write() {
  if (hooks_.on_write != nullptr) hooks_.on_write(attempt_->draft);
  return Next::kGoOn;
}

bool Write::holds_params() const { return may_hold_secure_values(type_); }

env::Task<Write::Outcome> Write::check_params() {
  Attempt& at = *attempt_;
  Result<void> sealed = co_await prepare_params(context_, caller_.account, *at.snapshot, type_, at.draft.key,
                                                at.draft.object, at.draft.before, at.sealed_with);
  if (!sealed) co_return about_document(sealed.error());
  co_return Next::kGoOn;
}

bool Write::allowed_in_part() const { return !caller_.allowed; }

bool Write::works_alone() const { return hooks_.exclusive != nullptr; }

/// Who worked on it before has committed, which the view that the rules are checked with shows.
env::Task<Write::Outcome> Write::take_exclusive_turn() {
  std::vector<std::string> names;
  for (const std::string& name : hooks_.exclusive(attempt_->draft)) names.push_back(exclusive_turn(name));
  Result<env::Turns::Turn> taken = co_await context_.turns.take(std::move(names));
  if (!taken) co_return about_document(taken.error());
  attempt_->alone = std::move(*taken);
  co_return Next::kGoOn;
}

/// Who broke many learns of the first ones, and how many there are.
std::vector<std::string> told(std::vector<std::string> breaches) {
  constexpr size_t kMostTold = 1000;
  if (breaches.size() <= kMostTold) return breaches;
  const size_t more = breaches.size() - kMostTold;
  breaches.resize(kMostTold);
  breaches.push_back(fmt::format("and {} more", more));
  return breaches;
}

/// The rules that the draft breaks, about itself and about other objects.
std::vector<std::string> Write::broken_rules(model::Budget& budget) {
  Draft& draft = attempt_->draft;
  const std::shared_ptr<const store::Snapshot> snapshot = context_.store.snapshot();
  attempt_->judged_in = snapshot->cursor().seq;
  Unresolved unresolved;
  const SnapshotLookup lookup(context_, *snapshot,
                              shows_to_writer(caller_, draft.before, attempt_->named, unresolved));
  model::Verdict verdict = model::validate(type_, draft.object, draft.before, lookup, options_.force, budget);
  if (!verdict.invalid.empty()) return told(std::move(verdict.invalid));
  // Whoever may read everything may name what is to come; from others it might be what is hidden.
  for (const auto& [type, key] : unresolved)
    verdict.invalid.push_back(fmt::format("{} {} does not exist", type, key));
  if (!verdict.invalid.empty()) return told(std::move(verdict.invalid));
  if (hooks_.conflicts == nullptr) return {};
  return hooks_.conflicts(draft, *snapshot);
}

env::Task<Write::Outcome> Write::check_rules() {
  Result<std::vector<std::string>> breaches = co_await model::within_budget<std::vector<std::string>>(
      caller_.account, model::kInlineSchemaSteps, model::kSchemaSteps,
      [this](model::Budget& budget) { return broken_rules(budget); });
  if (!breaches) co_return breaches.error();
  if (!breaches->empty()) co_return broken(std::move(*breaches));
  attempt_->body = model::canonical_body(type_, attempt_->draft.object);
  co_return Next::kGoOn;
}

/// Begins the batch.
Write::Outcome Write::check_unique() {
  Attempt& at = *attempt_;
  store::Change change;
  change.id = {std::string(type_.prefix), std::string(store::kOwn), at.draft.key};
  change.body = std::move(at.body);
  change.computed_from = at.judged_in;
  change.expect = store::Expect::kAbsent;
  if (at.current.owner == store::kOwn && at.draft.before != nullptr) {
    change.expect = store::Expect::kSame;
    change.expected_hash = hash128(at.current.body);
  }
  at.batch.changes.push_back(std::move(change));
  if (at.sealed_with) at.batch.secret_guards.push_back(box_guard(type_, at.draft.key, *at.sealed_with));
  at.batch.principal = caller_.principal.audit_name();
  at.batch.update_action = extent_ == Extent::kPart ? "save" : "update";
  Result<void> unique =
      keep_unique(context_, type_, caller_.rights, at.draft.key, at.draft.before, at.draft.object, at.batch);
  if (!unique) return unique.error();
  return Next::kGoOn;
}

// ---- of creations

Write::Outcome Write::fill_new_object() {
  Draft& draft = attempt_->draft;
  // Objects that are named by a UUID get one.
  if (type_.key_kind == "uuid" && model::text_member(draft.object, type_.key_field).empty())
    draft.object[type_.key_field] = env::random_uuid();
  model::fill_new(type_, draft.object);
  if (hooks_.on_create != nullptr) hooks_.on_create(draft);
  return Next::kGoOn;
}

Write::Outcome Write::require_key() {
  Draft& draft = attempt_->draft;
  std::string key = model::object_key(type_, draft.object);
  if (key.empty()) return refused_key(ErrorCode::kBadRequest, {"Empty key not allowed"});
  draft.key = std::move(key);
  return Next::kGoOn;
}

/// Where the caller may create some objects only.
Write::Outcome Write::authorise_creation() {
  const Draft& draft = attempt_->draft;
  Result<void> allowed = caller_.rights.authorise(
      {std::string(type_.prefix), "create", own_subject(type_, draft.key, draft.object)});
  if (!allowed) return allowed.error();
  return Next::kGoOn;
}

Write::Outcome Write::refuse_taken_key() {
  if (!is_taken(*attempt_->snapshot, type_, attempt_->draft.key)) return Next::kGoOn;
  return refused_key(ErrorCode::kConflict, {"already exists"});
}

Write::Outcome Write::ask_whether_needed() {
  if (unless_ == nullptr || !unless_(attempt_->draft.object)) return Next::kGoOn;
  attempt_->written = {{}, attempt_->snapshot->cursor()};
  return Next::kDone;
}

Write::Outcome Write::make_secrets() {
  Attempt& at = *attempt_;
  std::optional<std::string> secrets = merged_secrets(*at.snapshot, type_, at.draft.key, at.secrets);
  if (secrets) at.batch.secrets.push_back({std::string(type_.prefix), at.draft.key, std::move(secrets)});
  return Next::kGoOn;
}

Write::Outcome Write::join_tenant() {
  Attempt& at = *attempt_;
  Result<void> joined =
      join_own_tenant(*at.snapshot, caller_.principal, {type_.prefix, store::kOwn, at.draft.key}, at.batch);
  if (!joined) return joined.error();
  return Next::kGoOn;
}

/// Whether the object, its key or a unique value is another one's meanwhile, the next attempt tells.
env::Task<Write::Outcome> Write::commit_draft() {
  Attempt& at = *attempt_;
  at.snapshot.reset();
  context_.store.stamp(at.batch);
  at.written.target = {at.draft.key, std::string(store::kOwn), *at.batch.changes.front().body};
  Result<store::Cursor> cursor = co_await store::commit_async(context_.store, std::move(at.batch));
  if (!cursor && cursor.error().code == ErrorCode::kConflict) co_return Next::kAgain;
  if (!cursor) co_return of_store(cursor.error());
  at.written.cursor = *cursor;
  co_return Next::kDone;
}

// ---- of changes

/// An override starts without the marks of its layer.
Write::Outcome Write::begin_override() {
  Attempt& at = *attempt_;
  if (at.current.owner == store::kOwn) return Next::kGoOn;
  // As reference servers say it: `POST: profiles/KEY: KEY`.
  if (context_.held_read_only(type_.prefix, at.current.key))
    return refusal(ErrorCode::kInvalid, {at.current.key});
  if (type_.traits.has_read_only) at.base["ReadOnly"] = false;
  if (type_.traits.has_bundle) at.base["Bundle"] = "";
  return Next::kGoOn;
}

env::Task<Write::Outcome> Write::edit_shown() {
  Attempt& at = *attempt_;
  const std::string secret =
      visible_secret(caller_.principal, caller_.rights, *at.snapshot, type_, at.current);
  Result<json::value> wanted = co_await model::within_budget<json::value>(
      caller_.account, model::kInlinePatchSteps, model::kPatchSteps, [&](model::Budget& budget) {
        json::object shown = at.base;
        if (type_.traits.has_endpoint) shown["Endpoint"] = context_.shown_endpoint(at.current.owner);
        fill_secret(type_, shown, secret);
        return edit_(std::move(shown), budget);
      });
  if (!wanted) co_return about_document(wanted.error());
  at.wanted = std::move(*wanted);
  co_return Next::kGoOn;
}

Write::Outcome Write::keep_key() {
  const Draft& draft = attempt_->draft;
  const std::string key = model::object_key(type_, draft.object);
  if (key == draft.key) return Next::kGoOn;
  return refusal(ErrorCode::kBadRequest,
                 {fmt::format("Key change from {} to {} is not allowed", draft.key, key)});
}

Write::Outcome Write::compare_secrets() {
  Attempt& at = *attempt_;
  at.secrets = changed_secrets(*at.snapshot, type_, at.draft.key, std::move(at.secrets));
  return Next::kGoOn;
}

Write::Outcome Write::authorise_fields() {
  const Attempt& at = *attempt_;
  Result<void> allowed =
      objects::authorise_fields(caller_.rights, type_, at.draft.key, at.base, at.draft.object, at.secrets);
  if (!allowed) return allowed.error();
  return Next::kGoOn;
}

/// Whom rights to the object go by may change only to what the caller may change, too.
Write::Outcome Write::authorise_subject() {
  if (type_.rights_by.empty()) return Next::kGoOn;
  const Draft& draft = attempt_->draft;
  const auth::Subject after = own_subject(type_, draft.key, draft.object);
  if (own_subject(type_, draft.key, *draft.before).text() == after.text()) return Next::kGoOn;
  Result<void> allowed = caller_.rights.authorise({std::string(type_.prefix), "update", after});
  if (!allowed) return allowed.error();
  return Next::kGoOn;
}

Write::Outcome Write::authorise_by_type() {
  if (hooks_.authorise_change == nullptr) return Next::kGoOn;
  Result<void> allowed = hooks_.authorise_change(attempt_->draft);
  if (!allowed) return allowed.error();
  return Next::kGoOn;
}

/// A change may take the lock away.
Write::Outcome Write::refuse_locked() {
  const Draft& draft = attempt_->draft;
  const bool stays = kind_ != Kind::kChange || model::flag_member(draft.object, "Locked");
  if (!stays || !model::flag_member(*draft.before, "Locked")) return Next::kGoOn;
  return refusal(ErrorCode::kLocked, {"Locked"});
}

Write::Outcome Write::stop_without_change() {
  Attempt& at = *attempt_;
  if (!at.secrets.empty()) at.merged_secrets = merged_secrets(*at.snapshot, type_, at.draft.key, at.secrets);
  if (at.body != at.current.body || at.current.owner != store::kOwn || at.merged_secrets) return Next::kGoOn;
  at.written = {{at.draft.key, std::string(store::kOwn), std::move(at.body)}, at.snapshot->cursor()};
  return Next::kDone;
}

env::Task<Write::Outcome> Write::commit_change() {
  Attempt& at = *attempt_;
  if (at.merged_secrets)
    at.batch.secrets.push_back({std::string(type_.prefix), at.draft.key, at.merged_secrets});
  Outcome committed = co_await commit_draft();
  if (!committed || *committed != Next::kDone) co_return committed;
  if (at.merged_secrets && hooks_.on_secrets_changed != nullptr) hooks_.on_secrets_changed(at.draft);
  if (model::flag_member(*at.draft.before, "Locked") && !model::flag_member(at.draft.object, "Locked")) {
    const LogScope scope(caller_.log);
    kLog.audit("unlocked {}={} principal={}", type_.prefix, at.draft.key, caller_.principal.audit_name());
  }
  co_return Next::kDone;
}

}  // namespace mullion::objects
