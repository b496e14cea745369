// The steps by which an object gets another key pair: its secure parameters, and the pair, in one commit.
#include "auth/auth.h"
#include "base/json.h"
#include "env/pools.h"
#include "objects/internal/write_attempt.h"
#include "objects/params.h"
#include "store/commit_async.h"

namespace mullion::objects {

namespace json = boost::json;

namespace {

/// Every sealed parameter under the new key; values that the old key does not open are named.
std::vector<std::string> reseal_params(json::object& object, const auth::KeyPair& from,
                                       const auth::KeyPair& to) {
  std::vector<std::string> problems;
  json::value* params = object.if_contains("Params");
  if (params == nullptr || !params->is_object()) return problems;
  for (auto& member : params->get_object()) {
    const std::string text = json::serialize(member.value());
    if (!auth::is_secure_data(text)) continue;
    const Result<std::string> clear = auth::open_sealed(from, text);
    if (clear) {
      member.value() = own_json(auth::seal(to.public_key, *clear));
    } else {
      problems.push_back(
          fmt::format("{}: {}", std::string_view(member.key()), clear.error().messages.front()));
    }
  }
  return problems;
}

}  // namespace

/// The pair that is exchanged, stored when it was not. The object is looked at afterwards.
env::Task<Write::Outcome> Write::keep_old_pair() {
  std::optional<Result<auth::KeyPair>> pair;
  co_await env::run_blocking([&] { pair = auth::kept_key_pair(context_.store, type_.prefix, key_); });
  if (!*pair) co_return pair->error();
  attempt_->sealed_with = std::move(**pair);
  attempt_->snapshot = context_.store.snapshot();
  co_return Next::kGoOn;
}

Write::Outcome Write::refuse_held_by_pack() {
  if (attempt_->current.owner == store::kOwn) return Next::kGoOn;
  return refusal(ErrorCode::kConflict,
                 {"A content pack holds this object too, sealed with the same key: load the pack again "
                  "to seal its values anew"});
}

Write::Outcome Write::reseal_values() {
  Attempt& at = *attempt_;
  at.draft.object = at.base;
  std::vector<std::string> problems = reseal_params(at.draft.object, *at.sealed_with, new_pair_);
  if (problems.empty()) return Next::kGoOn;
  return refusal(ErrorCode::kInvalid, std::move(problems));
}

/// The object under the new key, the new key, and that nobody used the old one in between.
env::Task<Write::Outcome> Write::commit_resealed() {
  Attempt& at = *attempt_;
  at.body = model::canonical_body(type_, at.draft.object);
  store::Change change;
  change.id = {std::string(type_.prefix), std::string(store::kOwn), at.draft.key};
  change.body = at.body;
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(at.current.body);
  at.batch.changes.push_back(std::move(change));
  at.batch.guards.push_back(no_layer_below(type_, at.draft.key));
  at.batch.secret_guards.push_back(box_guard(type_, at.draft.key, *at.sealed_with));
  at.batch.secrets.push_back(
      {std::string(kBoxSpace), box_name(type_, at.draft.key), new_pair_.public_key + new_pair_.private_key});
  at.batch.principal = caller_.principal.audit_name();
  at.snapshot.reset();
  Result<store::Cursor> cursor = co_await store::commit_async(context_.store, std::move(at.batch));
  if (cursor) {
    at.written = {{at.draft.key, std::string(store::kOwn), std::move(at.body)}, *cursor};
    co_return Next::kDone;
  }
  if (cursor.error().code != ErrorCode::kConflict) co_return cursor.error();
  if (cursor.error().messages != std::vector<std::string>{"already exists"}) co_return Next::kAgain;
  at.current.owner = store::kLayered;
  co_return refuse_held_by_pack();
}

}  // namespace mullion::objects
