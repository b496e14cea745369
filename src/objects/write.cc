#include "objects/write.h"

#include "model/members.h"
#include "objects/internal/write_attempt.h"
#include "objects/turns.h"

namespace mullion::objects {

namespace json = boost::json;

// What is refused first hides what would be refused later: whoever lacks a right learns nothing of other
// objects, and a document that cannot be understood is refused before what it means.
std::span<const Write::Step> Write::steps(Kind kind) {
  static constexpr Step kCreation[] = {
      {.name = "shape", .now = &Write::check_shape},
      {.name = "defaults", .now = &Write::fill_new_object},
      {.name = "type", .now = &Write::let_type_write},
      {.name = "key", .now = &Write::require_key},
      {.name = "parameters", .later = &Write::check_params, .needed = &Write::holds_params},
      {.name = "right to create", .now = &Write::authorise_creation, .needed = &Write::allowed_in_part},
      {.name = "free key", .now = &Write::refuse_taken_key},
      {.name = "exclusive turn", .later = &Write::take_exclusive_turn, .needed = &Write::works_alone},
      {.name = "rules", .later = &Write::check_rules},
      {.name = "unique values", .now = &Write::check_unique},
      {.name = "need", .now = &Write::ask_whether_needed},
      {.name = "private values", .now = &Write::make_secrets},
      {.name = "tenant", .now = &Write::join_tenant},
      {.name = "commit", .later = &Write::commit_draft},
  };
  static constexpr Step kChange[] = {
      {.name = "object", .now = &Write::find_stored},
      {.name = "layer", .now = &Write::begin_override},
      {.name = "document", .later = &Write::edit_shown},
      {.name = "shape", .now = &Write::check_shape},
      {.name = "type", .now = &Write::let_type_write},
      {.name = "key", .now = &Write::keep_key},
      {.name = "parameters", .later = &Write::check_params, .needed = &Write::holds_params},
      {.name = "private values", .now = &Write::compare_secrets},
      {.name = "rights to fields", .now = &Write::authorise_fields, .needed = &Write::allowed_in_part},
      {.name = "right to its subject", .now = &Write::authorise_subject},
      {.name = "rights of the type", .now = &Write::authorise_by_type},
      {.name = "lock", .now = &Write::refuse_locked},
      {.name = "exclusive turn", .later = &Write::take_exclusive_turn, .needed = &Write::works_alone},
      {.name = "rules", .later = &Write::check_rules},
      {.name = "difference", .now = &Write::stop_without_change},
      {.name = "unique values", .now = &Write::check_unique},
      {.name = "commit", .later = &Write::commit_change},
  };
  static constexpr Step kRemoval[] = {
      {.name = "object", .now = &Write::find_stored},    {.name = "lock", .now = &Write::refuse_locked},
      {.name = "state", .now = &Write::check_removable}, {.name = "use", .now = &Write::check_unused},
      {.name = "layer", .now = &Write::refuse_layered},  {.name = "commit", .later = &Write::commit_removal},
  };
  static constexpr Step kResealing[] = {
      {.name = "key pair", .later = &Write::keep_old_pair},
      {.name = "object", .now = &Write::find_stored},
      {.name = "layer", .now = &Write::refuse_held_by_pack},
      {.name = "lock", .now = &Write::refuse_locked},
      {.name = "values", .now = &Write::reseal_values},
      {.name = "commit", .later = &Write::commit_resealed},
  };
  switch (kind) {
    case Kind::kCreate:
      return kCreation;
    case Kind::kChange:
      return kChange;
    case Kind::kRemove:
      return kRemoval;
    case Kind::kReseal:
      break;
  }
  return kResealing;
}

Write::Write(WriteContext& context, const model::ObjectType& type, const Caller& caller, WriteOptions options)
    : context_(context),
      type_(type),
      caller_(caller),
      options_(std::move(options)),
      hooks_(context.hooks_of(type.prefix)) {}

Write::~Write() = default;

env::Task<Result<Written>> Write::create(json::value wanted, Unless unless) {
  wanted_ = std::move(wanted);
  unless_ = std::move(unless);
  std::vector<std::string> turns;
  if (caller_.principal.tenant != nullptr)
    turns.push_back(object_turn("tenants", caller_.principal.tenant->name()));
  Result<Written> written = co_await run(Kind::kCreate, std::move(turns));
  if (!written || written->target.key.empty() || hooks_.after_write == nullptr) co_return written;
  co_return co_await followed(std::move(*written));
}

env::Task<Result<Written>> Write::change(std::string key, Edit edit, Extent extent) {
  key_ = std::move(key);
  edit_ = std::move(edit);
  extent_ = extent;
  std::vector<std::string> turns{object_turn(type_.prefix, key_)};
  Result<Written> written = co_await run(Kind::kChange, std::move(turns));
  if (!written || extent == Extent::kPart || hooks_.after_write == nullptr) co_return written;
  co_return co_await followed(std::move(*written));
}

env::Task<Result<Written>> Write::remove(std::string key, std::string owner) {
  key_ = std::move(key);
  std::vector<std::string> turns{object_turn(type_.prefix, key_)};
  for (const std::string& tenant : context_.tenants.holding({type_.prefix, owner, key_}))
    turns.push_back(object_turn("tenants", tenant));
  Result<Written> removed = co_await run(Kind::kRemove, std::move(turns));
  if (!removed || hooks_.after_remove == nullptr) co_return removed;
  Result<void> done = co_await hooks_.after_remove(attempt_->draft);
  if (!done) co_return done.error();
  co_return removed;
}

env::Task<Result<Written>> Write::reseal(std::string key, auth::KeyPair pair) {
  key_ = std::move(key);
  new_pair_ = std::move(pair);
  std::vector<std::string> turns{object_turn(type_.prefix, key_)};
  return run(Kind::kReseal, std::move(turns));
}

env::Task<Result<Written>> Write::run(Kind kind, std::vector<std::string> turns) {
  kind_ = kind;
  Result<env::Turns::Turn> turn = co_await context_.turns.take(std::move(turns));
  if (!turn) {
    const bool sent = kind == Kind::kCreate || kind == Kind::kChange;
    co_return sent ? about_document(turn.error()) : turn.error();
  }
  for (int attempts = 0; attempts < kMostAttempts; ++attempts) {
    attempt_ = std::make_unique<Attempt>(Attempt{context_.store.snapshot(), Draft{type_, caller_}});
    Outcome outcome = Next::kGoOn;
    for (const Step& step : steps(kind)) {
      if (step.needed != nullptr && !(this->*step.needed)()) continue;
      if (step.now != nullptr) {
        outcome = (this->*step.now)();
      } else {
        outcome = co_await (this->*step.later)();
      }
      if (!outcome || *outcome != Next::kGoOn) break;
    }
    if (!outcome) co_return outcome.error();
    if (*outcome == Next::kAgain) continue;
    attempt_->snapshot.reset();
    attempt_->alone = env::Turns::Turn();
    co_return std::move(attempt_->written);
  }
  co_return refusal(ErrorCode::kConflict,
                    {kind == Kind::kCreate ? "Too many others change the same tenant at the same time"
                                           : "Too many others change this object at the same time"});
}

/// What the type does after a write; `written` becomes what is stored then.
env::Task<Result<Written>> Write::followed(Written written) {
  Result<std::optional<std::string>> body = co_await hooks_.after_write(attempt_->draft, written.target.body);
  if (!body) co_return body.error();
  if (!*body) co_return written;
  written.target.body = std::move(**body);
  written.cursor = context_.store.newest();
  co_return written;
}

// ---- what is said of refused writes

/// Addresses are told in hex, everything else as whoever asks wrote it.
Error Write::refusal(ErrorCode code, std::vector<std::string> messages) const {
  const bool address = type_.key_kind == "hex-address";
  std::string key = address ? model::canonical_key(type_, options_.named) : options_.named;
  return Error(code, "", std::string(type_.prefix), std::move(key), std::move(messages));
}

Error Write::refused_key(ErrorCode code, std::vector<std::string> messages) const {
  return Error(code, "CREATE", std::string(type_.prefix), attempt_->draft.key, std::move(messages));
}

Error Write::about_document(Error error) const {
  if (error.model.empty()) error.model = type_.prefix;
  if (!error.key.empty() || !options_.documents_named) return error;
  // A patch that does not fit is about the object, whatever the client called it.
  error.key = error.code == ErrorCode::kConflict ? key_ : options_.named;
  return error;
}

Error Write::broken(std::vector<std::string> messages) const {
  return Error(ErrorCode::kInvalid, "ValidationError", std::string(type_.prefix), attempt_->draft.key,
               std::move(messages));
}

/// An error of the store with the collection and key it is about.
Error Write::of_store(Error error) const {
  if (error.model.empty()) error.model = type_.prefix;
  if (error.key.empty()) error.key = attempt_->draft.key;
  return error;
}

}  // namespace mullion::objects
