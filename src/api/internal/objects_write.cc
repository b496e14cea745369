#include "api/internal/answers.h"
#include "api/internal/field_rights.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/log.h"
#include "api/internal/new_references.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "api/internal/shown_secrets.h"
#include "api/internal/tenant_writes.h"
#include "api/internal/write_support.h"
#include "env/random.h"
#include "model/bounded_work.h"
#include "model/index_value.h"
#include "model/json_schema.h"
#include "model/members.h"
#include "objects/lookup.h"
#include "objects/params.h"
#include "objects/unique_names.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// A write that is being prepared.
struct Draft : objects::Draft {
  json::value wanted = {};  // what the client wrote; null when everything exists for it
  json::object secrets = {};
  std::optional<auth::KeyPair> sealed_with = {};
  std::string body = {};
};

Error create_error(const Call& call, ErrorCode code, const std::string& key,
                   std::vector<std::string> messages) {
  return Error(code, "CREATE", std::string(call.type->prefix), key, std::move(messages));
}

Error with_object(const Call& call, Error error) {
  if (error.model.empty()) error.model = call.type->prefix;
  if (!error.key.empty() || !call.arguments.has("prefix")) return error;
  // A patch that does not fit is about the object, whatever the client called it.
  error.key = error.code == ErrorCode::kConflict ? call.target.key : call.requested_id();
  return error;
}

/// Without members that say nothing: clients send back the empty texts they were shown.
json::object set_members(json::object secrets) {
  json::object out;
  for (const auto& [name, value] : secrets) {
    if (value.is_string() && !value.get_string().empty()) out[name] = value;
  }
  return out;
}

/// Objects that are named by a UUID get one.
void fill_key(const Call& call, json::object& object) {
  if (call.type->key_kind != "uuid") return;
  if (model::text_member(object, call.type->key_field).empty())
    object[call.type->key_field] = env::random_uuid();
}

/// From what the client wants to a body that may be stored.
env::Task<Result<void>> complete(Call& call, const objects::Caller& caller, const store::Snapshot& snapshot,
                                 Draft& draft, json::value wanted) {
  if (!wanted.is_object()) {
    co_return Error(ErrorCode::kBadRequest, "", std::string(call.type->prefix), "",
                    {"The body is not a JSON object"});
  }
  if (!caller.rights.reads_everything()) draft.wanted = wanted;
  draft.secrets = set_members(model::take_secrets(*call.type, wanted.get_object()));
  Result<json::object> normal = model::normalise(*call.type, std::move(wanted), draft.before);
  if (!normal) co_return with_object(call, normal.error());
  draft.object = std::move(*normal);
  if (draft.before == nullptr) fill_key(call, draft.object);
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (draft.before == nullptr) model::fill_new(*call.type, draft.object);
  if (draft.before == nullptr && hooks.on_create != nullptr) hooks.on_create(draft);
  if (hooks.on_write != nullptr) hooks.on_write(draft);
  const std::string key = model::object_key(*call.type, draft.object);
  if (draft.before == nullptr) {
    if (key.empty()) co_return create_error(call, ErrorCode::kBadRequest, "", {"Empty key not allowed"});
    draft.key = key;
  } else if (key != draft.key) {
    co_return object_error(call, ErrorCode::kBadRequest,
                           {fmt::format("Key change from {} to {} is not allowed", draft.key, key)});
  }
  if (objects::may_hold_secure_values(*call.type)) {
    Result<void> sealed =
        co_await objects::prepare_params(call.services, caller.account, snapshot, *call.type, draft.key,
                                         draft.object, draft.before, draft.sealed_with);
    if (!sealed) co_return with_object(call, sealed.error());
  }
  co_return Result<void>{};
}

/// The rules that the draft breaks, about itself and about other objects.
std::vector<std::string> broken_rules(const Call& call, const objects::Caller& caller, Draft& draft,
                                      model::Budget& budget) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  Unresolved unresolved;
  const objects::SnapshotLookup lookup(call.services, *snapshot,
                                       shows_to_writer(caller, draft.before, draft.wanted, unresolved));
  model::Verdict verdict =
      model::validate(*call.type, draft.object, draft.before, lookup, call.flag("force"), budget);
  if (!verdict.invalid.empty()) return std::move(verdict.invalid);
  // Whoever may read everything may name what is to come; from others it might be what is hidden.
  for (const auto& [type, key] : unresolved)
    verdict.invalid.push_back(fmt::format("{} {} does not exist", type, key));
  if (!verdict.invalid.empty()) return std::move(verdict.invalid);
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (hooks.conflicts == nullptr) return {};
  return hooks.conflicts(draft, *snapshot);
}

/// Checks them; fills draft.body.
env::Task<Result<void>> check(const Call& call, const objects::Caller& caller, Draft& draft) {
  Result<std::vector<std::string>> breaches = co_await model::within_budget<std::vector<std::string>>(
      caller.account, model::kInlineSchemaSteps, model::kSchemaSteps,
      [&](model::Budget& budget) { return broken_rules(call, caller, draft, budget); });
  if (!breaches) co_return breaches.error();
  if (!breaches->empty()) co_return validation_error(call, draft.key, std::move(*breaches));
  draft.body = model::canonical_body(*call.type, draft.object);
  co_return Result<void>{};
}

/// Judges the draft when nobody else works on what it must have alone; `turn` lasts until it is committed.
env::Task<Result<void>> check_alone(const Call& call, const objects::Caller& caller, Draft& draft,
                                    env::Turns::Turn& turn) {
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (hooks.exclusive == nullptr) co_return co_await check(call, caller, draft);
  std::vector<std::string> names;
  for (const std::string& name : hooks.exclusive(draft)) names.push_back(exclusive_turn(name));
  Result<env::Turns::Turn> taken = co_await call.services.turns.take(std::move(names));
  if (!taken) co_return with_object(call, taken.error());
  turn = std::move(*taken);
  // Who worked on it before has committed, which the view that is taken now shows.
  co_return co_await check(call, caller, draft);
}

/// As reference servers say it: `POST: profiles/KEY: KEY`.
Error read_only_error(const Call& call, const std::string& key) {
  return object_error(call, ErrorCode::kInvalid, {key});
}

store::Batch batch_for(const Call& call, const Draft& draft, const Target* before, std::string action) {
  store::Batch batch;
  store::Change change;
  change.id = {std::string(call.type->prefix), std::string(store::kOwn), draft.key};
  change.body = draft.body;
  change.expect = store::Expect::kAbsent;
  if (before != nullptr && before->owner == store::kOwn) {
    change.expect = store::Expect::kSame;
    change.expected_hash = hash128(before->body);
  }
  batch.changes.push_back(std::move(change));
  if (draft.sealed_with)
    batch.secret_guards.push_back(objects::box_guard(*call.type, draft.key, *draft.sealed_with));
  batch.principal = call.principal.audit_name();
  batch.update_action = std::move(action);
  return batch;
}

/// The right to create is checked against the new object where the caller has it for some only.
Result<void> authorise_creation(const Call& call, const objects::Caller& caller, const Draft& draft) {
  if (caller.allowed) return {};
  return caller.rights.authorise(
      {std::string(call.type->prefix), "create", own_subject(*call.type, draft.key, draft.object)});
}

/// Whom rights to the object go by may change only to what the caller may change, too.
Result<void> authorise_new_subject(const Call& call, const objects::Caller& caller,
                                   const json::object& before, const Draft& draft) {
  if (call.type->rights_by.empty()) return {};
  const auth::Subject after = own_subject(*call.type, draft.key, draft.object);
  if (own_subject(*call.type, draft.key, before).text() == after.text()) return {};
  return caller.rights.authorise({std::string(call.type->prefix), "update", after});
}

bool locked_before_and_after(const Draft& draft) {
  return bool_member(*draft.before, "Locked") && bool_member(draft.object, "Locked");
}

/// One attempt; kConflict of the store comes back as absent and is tried again.
env::Task<Result<std::optional<Written>>> attempt_update(Call& call, const objects::Caller& caller,
                                                         const Edit& edit, const std::string& action) {
  using Outcome = Result<std::optional<Written>>;
  std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const std::optional<Target> found = find_again(call, *snapshot);
  if (!found) co_return Outcome(object_error(call, ErrorCode::kNotFound, {"Not Found"}));
  const Target& current = *found;
  Result<json::object> base = base_of(call, current);
  if (!base) co_return Outcome(base.error());
  json::object shown = *base;
  if (call.type->traits.has_endpoint) shown["Endpoint"] = call.services.endpoint_name(current.owner);
  objects::fill_secret(*call.type, shown, visible_secret(call.principal, *snapshot, *call.type, current));
  Result<json::value> wanted = co_await model::within_budget<json::value>(
      caller.account, model::kInlinePatchSteps, model::kPatchSteps,
      [&edit, &shown](model::Budget& budget) { return edit(shown, budget); });
  if (!wanted) co_return Outcome(with_object(call, wanted.error()));
  Draft draft{{*call.type, caller}};
  draft.before = &*base;
  draft.key = current.key;
  Result<void> completed = co_await complete(call, caller, *snapshot, draft, std::move(*wanted));
  if (!completed) co_return Outcome(completed.error());
  draft.secrets = changed_secrets(call, *snapshot, draft.key, std::move(draft.secrets));
  if (!caller.allowed) {
    Result<void> allowed =
        authorise_fields(caller.rights, *call.type, draft.key, *base, draft.object, draft.secrets);
    if (!allowed) co_return Outcome(allowed.error());
  }
  Result<void> stays = authorise_new_subject(call, caller, *base, draft);
  if (!stays) co_return Outcome(stays.error());
  if (const objects::TypeHooks& rules = call.services.hooks_of(call.type->prefix);
      rules.authorise_change != nullptr) {
    Result<void> allowed = rules.authorise_change(draft);
    if (!allowed) co_return Outcome(allowed.error());
  }
  if (locked_before_and_after(draft)) co_return Outcome(object_error(call, ErrorCode::kLocked, {"Locked"}));
  env::Turns::Turn alone;
  Result<void> valid = co_await check_alone(call, caller, draft, alone);
  if (!valid) co_return Outcome(valid.error());
  std::optional<std::string> secrets;
  if (!draft.secrets.empty()) secrets = merged_secrets(call, *snapshot, draft.key, draft.secrets);
  Written written{{draft.key, std::string(store::kOwn), draft.body}, snapshot->cursor()};
  if (draft.body == current.body && current.owner == store::kOwn && !secrets) {
    co_return Outcome(std::optional<Written>(std::move(written)));
  }
  store::Batch batch = batch_for(call, draft, &current, action);
  Result<void> unique = objects::keep_unique(call.services, *call.type, caller.rights, draft.key,
                                             draft.before, draft.object, batch);
  if (!unique) co_return Outcome(unique.error());
  if (secrets) batch.secrets.push_back({std::string(call.type->prefix), draft.key, secrets});
  snapshot.reset();
  call.services.store.stamp(batch);
  written.target.body = *batch.changes.front().body;
  Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(batch));
  if (!cursor && cursor.error().code == ErrorCode::kConflict) co_return Outcome(std::optional<Written>());
  if (!cursor) co_return Outcome(commit_error(call, cursor.error(), draft.key));
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (secrets && hooks.on_secrets_changed != nullptr) hooks.on_secrets_changed(draft);
  written.cursor = *cursor;
  if (bool_member(*draft.before, "Locked") && !bool_member(draft.object, "Locked")) {
    const LogScope scope(call.log);
    kLog.audit("unlocked {}={} principal={}", call.type->prefix, draft.key, call.principal.audit_name());
  }
  co_return Outcome(std::optional<Written>(std::move(written)));
}

/// What follows from a write that is done; `written` becomes what is stored then.
env::Task<Result<void>> follow_up(Call& call, Written& written) {
  const objects::TypeHooks& hooks = call.services.hooks_of(call.type->prefix);
  if (hooks.after_write == nullptr) co_return Result<void>();
  const RequestCaller caller(call);
  const objects::Draft draft{*call.type, caller.get(), written.target.key};
  Result<std::optional<std::string>> body = co_await hooks.after_write(draft, written.target.body);
  if (!body) co_return body.error();
  if (!*body) co_return Result<void>();
  written.target.body = std::move(**body);
  written.cursor = call.services.store.newest();
  co_return Result<void>();
}

/// One attempt; absent when others changed something meanwhile and it should be tried again.
env::Task<Result<std::optional<Written>>> attempt_create(Call& call, const objects::Caller& caller,
                                                         json::value wanted, const Unless& unless) {
  using Outcome = Result<std::optional<Written>>;
  std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  Draft draft{{*call.type, caller}};
  Result<void> completed = co_await complete(call, caller, *snapshot, draft, std::move(wanted));
  if (!completed) co_return Outcome(completed.error());
  Result<void> allowed = authorise_creation(call, caller, draft);
  if (!allowed) co_return Outcome(allowed.error());
  const Error exists = create_error(call, ErrorCode::kConflict, draft.key, {"already exists"});
  if (objects::is_taken(*snapshot, *call.type, draft.key)) co_return Outcome(exists);
  env::Turns::Turn alone;
  Result<void> valid = co_await check_alone(call, caller, draft, alone);
  if (!valid) co_return Outcome(valid.error());
  store::Batch batch = batch_for(call, draft, nullptr, "update");
  Result<void> unique = objects::keep_unique(call.services, *call.type, caller.rights, draft.key,
                                             draft.before, draft.object, batch);
  if (!unique) co_return Outcome(unique.error());
  if (unless && unless(draft.object))
    co_return Outcome(std::optional<Written>(Written{{}, snapshot->cursor()}));
  if (std::optional<std::string> secrets = merged_secrets(call, *snapshot, draft.key, draft.secrets)) {
    batch.secrets.push_back({std::string(call.type->prefix), draft.key, std::move(secrets)});
  }
  Result<void> joined = join_own_tenant(call, *snapshot, draft.key, batch);
  if (!joined) co_return Outcome(joined.error());
  snapshot.reset();
  call.services.store.stamp(batch);
  draft.body = *batch.changes.front().body;
  Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(batch));
  if (!cursor && cursor.error().code == ErrorCode::kConflict) {
    // Whether the key or a unique value was taken meanwhile, the next look tells.
    co_return Outcome(std::optional<Written>());
  }
  if (!cursor) co_return Outcome(commit_error(call, cursor.error(), draft.key));
  co_return Outcome(
      std::optional<Written>({{draft.key, std::string(store::kOwn), std::move(draft.body)}, *cursor}));
}

/// A patch of the object with some members set before.
env::Task<Result<net::Response>> patch_from(Call& call, json::object begin) {
  Result<json::value> patch = parse_body(call);
  if (!patch) co_return patch.error();
  Edit edit = [operations = std::move(*patch), begin = std::move(begin), limits = patch_limits(call)](
                  const json::object& shown, model::Budget& budget) {
    json::object from = shown;
    for (const auto& [name, value] : begin) from[name] = value;
    return model::apply_patch(json::value(std::move(from)), operations, budget, limits);
  };
  Result<Written> written = co_await update_local(call, std::move(edit), "update");
  if (!written) co_return written.error();
  Result<void> followed = co_await follow_up(call, *written);
  if (!followed) co_return followed.error();
  co_return written_response(call, 200, *written);
}

}  // namespace

Result<json::object> base_of(const Call& call, const Target& target) {
  Result<json::object> object = parse_stored(target.body);
  if (!object || target.owner == store::kOwn) return object;
  if (call.services.layers.read_only_layer(call.type->prefix, target.key))
    return read_only_error(call, target.key);
  if (call.type->traits.has_read_only) (*object)["ReadOnly"] = false;
  if (call.type->traits.has_bundle) (*object)["Bundle"] = "";
  return object;
}

std::string random_secret() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 16> bytes{};
  env::secure_random(bytes);
  std::string out;
  for (const unsigned char byte : bytes) out += kAlphabet[byte & 63];
  return out;
}

model::PatchLimits patch_limits(const Call& call) { return {call.services.limits.body_bytes}; }

std::string text_in(std::string_view body, std::string_view field) {
  boost::system::error_code failure;
  const json::value value = json::parse(json::string_view(model::raw_member(body, field)), failure);
  return failure || !value.is_string() ? std::string() : std::string(value.get_string());
}

Result<json::value> parse_body(const Call& call) {
  if (call.body.empty()) return json::value();  // nothing sent is null
  Result<json::value> value = model::parse_json(call.body, call.services.limits.json_depth);
  if (value) return value;
  Error error = value.error();
  if (call.type != nullptr && error.model.empty()) error.model = call.type->prefix;
  return error;
}

env::Task<Result<Written>> create_local(Call& call, json::value wanted, Unless unless) {
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(tenant_turn(call));
  if (!turn) co_return with_object(call, turn.error());
  const RequestCaller caller(call);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    Result<std::optional<Written>> outcome = co_await attempt_create(call, caller.get(), wanted, unless);
    if (!outcome) co_return outcome.error();
    if (*outcome) co_return std::move(**outcome);
  }
  co_return object_error(call, ErrorCode::kConflict,
                         {"Too many others change the same tenant at the same time"});
}

env::Task<Result<Written>> update_local(Call& call, Edit edit, std::string action) {
  std::vector<std::string> names{object_turn(call.type->prefix, call.target.key)};
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(std::move(names));
  if (!turn) co_return with_object(call, turn.error());
  const RequestCaller caller(call);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    Result<std::optional<Written>> outcome = co_await attempt_update(call, caller.get(), edit, action);
    if (!outcome) co_return outcome.error();
    if (*outcome) co_return std::move(**outcome);
  }
  co_return object_error(call, ErrorCode::kConflict, {"Too many others change this object at the same time"});
}

namespace handlers {

env::Task<Result<net::Response>> create_object(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  Result<Written> written = co_await create_local(call, std::move(*wanted));
  if (!written) co_return written.error();
  Result<void> followed = co_await follow_up(call, *written);
  if (!followed) co_return followed.error();
  co_return written_response(call, 201, *written);
}

env::Task<Result<net::Response>> replace_object(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  if (!wanted->is_object()) {
    co_return object_error(call, ErrorCode::kBadRequest, {"The body is not a JSON object"});
  }
  Edit edit = [value = std::move(*wanted), type = call.type](const json::object& shown, model::Budget&) {
    json::value copy = value;
    json::value& named = copy.get_object()[type->key_field];
    if (named.is_null() || (named.is_string() && named.get_string().empty()))
      named = shown.at(type->key_field);
    return Result<json::value>(std::move(copy));
  };
  Result<Written> written = co_await update_local(call, std::move(edit), "update");
  if (!written) co_return written.error();
  Result<void> followed = co_await follow_up(call, *written);
  if (!followed) co_return followed.error();
  co_return written_response(call, 200, *written);
}

env::Task<Result<net::Response>> patch_object(Call& call) {
  json::object as_it_is;
  co_return co_await patch_from(call, std::move(as_it_is));
}

/// Nothing goes on from where it stood: the patch may set another workflow.
env::Task<Result<net::Response>> start_machine(Call& call) {
  json::object stopped;
  stopped["Workflow"] = "";
  stopped["Runnable"] = false;
  co_return co_await patch_from(call, std::move(stopped));
}

}  // namespace handlers
}  // namespace mullion::api
