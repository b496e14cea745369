// The key pairs that seal secure parameters: shown, and exchanged.
#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/write_support.h"
#include "objects/params.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// The pair of the call's object, stored when it was not.
env::Task<Result<auth::KeyPair>> kept_pair(Call& call) {
  std::optional<Result<auth::KeyPair>> pair;
  co_await env::run_blocking(
      [&] { pair = auth::kept_key_pair(call.services.store, call.type->prefix, call.target.key); });
  co_return std::move(*pair);
}

net::Response public_key_of(const auth::KeyPair& pair) {
  return json_response(200, quoted_json(base64_encode(pair.public_key)));
}

/// A read: nothing is stored. What is sealed for the key stores it.
Result<net::Response> show_key_of(const Call& call, std::string_view key) {
  Result<auth::KeyPair> pair = auth::told_key_pair(call.services.store, call.type->prefix, key);
  if (!pair) return pair.error();
  return public_key_of(*pair);
}

/// Every sealed parameter under the new key; values that the old key does not open are named.
Result<void> reseal_params(json::object& object, const auth::KeyPair& from, const auth::KeyPair& to) {
  json::value* params = object.if_contains("Params");
  if (params == nullptr || !params->is_object()) return {};
  std::vector<std::string> problems;
  for (auto& member : params->get_object()) {
    const std::string text = json::serialize(member.value());
    if (!auth::is_secure_data(text)) continue;
    const Result<std::string> clear = auth::open_sealed(from, text);
    if (clear) {
      member.value() = json::parse(auth::seal(to.public_key, *clear));
    } else {
      problems.push_back(
          fmt::format("{}: {}", std::string_view(member.key()), clear.error().messages.front()));
    }
  }
  if (problems.empty()) return {};
  return Error(ErrorCode::kInvalid, "", "", "", std::move(problems));
}

/// The object under the new key, the new key, and that nobody used the old one in between: one commit.
Result<store::Batch> exchange(const Call& call, const Target& current, const auth::KeyPair& from,
                              const auth::KeyPair& to) {
  Result<json::object> object = parse_stored(current.body);
  if (!object) return object.error();
  const json::value* locked = object->if_contains("Locked");
  if (locked != nullptr && locked->is_bool() && locked->get_bool())
    return object_error(call, ErrorCode::kLocked, {"Locked"});
  Result<void> sealed = reseal_params(*object, from, to);
  if (!sealed) return object_error(call, sealed.error().code, sealed.error().messages);
  store::Batch batch;
  store::Change change;
  change.id = {std::string(call.type->prefix), std::string(store::kOwn), current.key};
  change.body = model::canonical_body(*call.type, *object);
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(current.body);
  batch.changes.push_back(std::move(change));
  batch.guards.push_back(objects::no_layer_below(*call.type, current.key));
  batch.secret_guards.push_back(objects::box_guard(*call.type, current.key, from));
  batch.secrets.push_back({std::string(objects::kBoxSpace), objects::box_name(*call.type, current.key),
                           to.public_key + to.private_key});
  batch.principal = call.principal.audit_name();
  return batch;
}

Error held_by_pack(const Call& call) {
  return object_error(call, ErrorCode::kConflict,
                      {"A content pack holds this object too, sealed with the same key: load the pack again "
                       "to seal its values anew"});
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> show_public_key(Call& call) { co_return show_key_of(call, call.target.key); }

/// Sets that travel are sealed before they are there, so that none is ever seen without its secrets.
env::Task<Result<net::Response>> show_set_key(Call& call) {
  co_return show_key_of(call, call.argument("id"));
}

env::Task<Result<net::Response>> rotate_key_pair(Call& call) {
  const auth::KeyPair fresh = auth::make_key_pair();
  std::vector<std::string> names{object_turn(call.type->prefix, call.target.key)};
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(std::move(names));
  if (!turn) co_return turn.error();
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    Result<auth::KeyPair> old = co_await kept_pair(call);
    if (!old) co_return old.error();
    const std::optional<Target> stored = find_again(call, *call.services.store.snapshot());
    if (!stored) co_return object_error(call, ErrorCode::kNotFound, {"Not Found"});
    if (stored->owner != store::kOwn) co_return held_by_pack(call);
    Result<store::Batch> batch = exchange(call, *stored, *old, fresh);
    if (!batch) co_return batch.error();
    Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(*batch));
    if (cursor) {
      net::Response response = public_key_of(fresh);
      add_commit_header(call, *cursor, response);
      co_return response;
    }
    if (cursor.error().code != ErrorCode::kConflict) co_return cursor.error();
    if (cursor.error().messages == std::vector<std::string>{"already exists"}) co_return held_by_pack(call);
  }
  co_return object_error(call, ErrorCode::kConflict, {"Too many others change this object at the same time"});
}

}  // namespace handlers
}  // namespace mullion::api
