#include "store/internal/applier.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mullion::store::internal {
namespace {

Error conflict(const ObjectId& id, std::string text) {
  return Error(ErrorCode::kConflict, "", id.type, id.key, {std::move(text)});
}

constexpr size_t kMaxName = 255;  // of types, owners and spaces

/// The owner "\x01layers" is the only name with a control character.
bool is_plain_name(std::string_view name) {
  return name.size() <= kMaxName && std::ranges::none_of(name, [](unsigned char c) { return c < 0x20; });
}

Result<void> check_id(const ObjectId& id) {
  auto refuse = [&](std::string text) {
    return Error(ErrorCode::kInvalid, "", id.type.substr(0, kMaxName), id.key.substr(0, 64),
                 {std::move(text)});
  };
  if (id.type.empty() || !is_plain_name(id.type)) return refuse("type of an object is empty or malformed");
  if (id.owner != kLayered && !is_plain_name(id.owner)) return refuse("owner of an object is malformed");
  if (id.key.empty()) return refuse("Empty key not allowed");
  if (id.key.size() > kMaxObjectKey) return refuse(fmt::format("key is longer than {} bytes", kMaxObjectKey));
  if (id.key.find('\0') != std::string::npos) return refuse("key contains a NUL byte");
  return {};
}

Result<void> check_origin(const Batch& batch) {
  if (batch.origin && (!is_remote(batch.origin->owner) || !is_plain_name(batch.origin->owner)))
    return Error(ErrorCode::kInvalid, "origin of a replicated commit is malformed");
  if (!is_plain_name(batch.forget_origin)) return Error(ErrorCode::kInvalid, "origin is malformed");
  return {};
}

bool adds_objects(const Batch& batch) {
  return std::ranges::any_of(batch.changes, [](const Change& change) { return change.body.has_value(); });
}

Result<void> check_secret(const SecretChange& secret) {
  if (secret.space.find('\0') != std::string::npos)
    return Error(ErrorCode::kInvalid, "space of a secret contains a NUL byte");
  if (secret.space.size() + secret.key.size() + 1 > kMaxEngineKey)
    return Error(ErrorCode::kInvalid, fmt::format("key in {} is too long", secret.space.substr(0, kMaxName)));
  return {};
}

/// What the batch does, without what it was checked for.
Command command_of(PreparedBatch prepared, uint64_t seq, env::WallTime time) {
  Batch& batch = prepared.batch;
  Command out;
  out.seq = seq;
  out.time = time;
  out.origin = std::move(batch.origin);
  out.forget_origin = std::move(batch.forget_origin);
  out.principal = std::move(batch.principal);
  out.update_action = std::move(batch.update_action);
  for (size_t i = 0; i < batch.changes.size(); ++i)
    out.writes.push_back({std::move(batch.changes[i].id), std::move(prepared.compressed[i])});
  out.secrets = std::move(batch.secrets);
  return out;
}

/// The batch that has the command's effect.
Result<PreparedBatch> batch_of(const Command& command, const Codec& codec) {
  PreparedBatch out;
  out.batch.origin = command.origin;
  out.batch.forget_origin = command.forget_origin;
  out.batch.principal = command.principal;
  out.batch.update_action = command.update_action;
  out.batch.secrets = command.secrets;
  for (const Command::Write& write : command.writes) {
    Change& change = out.batch.changes.emplace_back();
    change.id = write.id;
    out.compressed.push_back(write.at_rest);
    if (!write.at_rest) continue;
    Result<std::string> body = codec.decompress(*write.at_rest);
    if (!body) return body.error();
    change.body = std::move(*body);
  }
  return out;
}

}  // namespace

Result<std::optional<std::string>> Applier::read_row(Table table, std::string_view row) const {
  const std::optional<std::string_view> value = transaction_.get(table, row);
  if (!value) return std::optional<std::string>();
  Result<std::string> body = codec_.decompress(*value);
  if (!body) return body.error();
  return std::optional<std::string>(std::move(*body));
}

Result<void> Applier::check_one(const ObjectId& id, Expect expect, const Digest& expected_hash) {
  if (expect == Expect::kAnything) return {};
  const std::optional<TypeId> type = names_.find_type(id.type);
  const std::optional<OwnerId> owner = names_.find_owner(id.owner);
  std::optional<std::string> body;
  std::string row;
  if (type && owner) {
    row = object_row(*type, id.key, *owner);
    Result<std::optional<std::string>> read = read_row(Table::kObjects, row);
    if (read && !*read && *owner == kLayeredId) read = read_row(Table::kHidden, row);
    if (!read) return read.error();
    body = std::move(*read);
  }
  if (expect == Expect::kAbsent && body) return conflict(id, "already exists");
  if (expect != Expect::kAbsent && !body) return conflict(id, "does not exist");
  if (expect == Expect::kSame && hash128(*body) != expected_hash) return conflict(id, "changed meanwhile");
  if (expect == Expect::kSame && *owner != kLayeredId) checked_ = Row{std::move(row), std::move(*body)};
  return {};
}

/// The body in a row of objects.
Result<std::optional<std::string>> Applier::take_body(const std::string& row) {
  if (!checked_ || checked_->row != row) return read_row(Table::kObjects, row);
  std::optional<std::string> body(std::move(checked_->body));
  checked_.reset();
  return body;
}

Result<void> Applier::check_secret_guard(const SecretGuard& guard) const {
  if (Result<void> fine = check_secret({guard.space, guard.key, guard.value}); !fine) return fine;
  if (transaction_.get(Table::kSecrets, secret_row(guard.space, guard.key)) == guard.value) return {};
  return conflict({guard.space, "", guard.key}, "changed meanwhile");
}

/// The indexes show what was committed; what this transaction has done so far comes on top.
Result<void> Applier::check_unique(const UniqueGuard& guard, const std::vector<Applied>& before) const {
  Result<std::vector<UniqueValues::Holder>> committed = unique_.holders(guard);
  if (!committed) return committed.error();
  std::set<UniqueValues::Holder> holders(committed->begin(), committed->end());
  for (const Applied& one : before) {
    for (const RowChange& row : one.rows) {
      if (row.type != guard.type || row.owner >= kFirstRemoteId) continue;
      holders.erase({row.key, row.owner});
      if (row.new_body && unique_.has(guard, row.key, *row.new_body)) holders.insert({row.key, row.owner});
    }
  }
  for (const UniqueValues::Holder& holder : holders) {
    if (holder.key == guard.key) continue;
    return conflict({guard.type, "", guard.key},
                    fmt::format("{} is already used by {}", guard.index, holder.key));
  }
  return {};
}

Result<void> Applier::check(const PreparedBatch& prepared, const std::vector<Applied>& before) {
  const Batch& batch = prepared.batch;
  checked_.reset();
  if (Result<void> fine = check_origin(batch); !fine) return fine;
  for (const Change& change : batch.changes) {
    if (Result<void> fine = check_id(change.id); !fine) return fine;
    if (change.body && change.body->size() > kMaxBody) {
      return Error(ErrorCode::kTooLarge, "", change.id.type, change.id.key,
                   {fmt::format("object is larger than {} bytes", kMaxBody)});
    }
    if (Result<void> fine = check_one(change.id, change.expect, change.expected_hash); !fine) return fine;
  }
  for (const Guard& guard : batch.guards) {
    if (Result<void> fine = check_id(guard.id); !fine) return fine;
    if (Result<void> fine = check_one(guard.id, guard.expect, guard.expected_hash); !fine) return fine;
  }
  for (const SecretChange& secret : batch.secrets) {
    if (Result<void> fine = check_secret(secret); !fine) return fine;
  }
  for (const SecretGuard& guard : batch.secret_guards) {
    if (Result<void> fine = check_secret_guard(guard); !fine) return fine;
  }
  for (const UniqueGuard& guard : batch.unique) {
    if (Result<void> fine = check_unique(guard, before); !fine) return fine;
  }
  if (adds_objects(batch) && transaction_.full()) {
    return Error(ErrorCode::kInsufficientStorage,
                 "the database reached its size limit (--map-size): only deletions are possible");
  }
  return {};
}

Result<void> Applier::update_digest(OwnerId owner, TypeId type, const ObjectId& id,
                                    const std::optional<std::string>& old_body,
                                    const std::optional<std::string>& new_body) {
  TypeDigest& touched = touched_[{owner, type}];
  if (touched.type.empty()) {
    touched.type = id.type;
    touched.owner = id.owner;
    if (const auto stored = transaction_.get(Table::kDigests, digest_row(owner, type))) {
      decode_digest(*stored, touched.digest, touched.count);
    }
  }
  if (old_body) {
    touched.digest -= object_digest(id.type, id.key, *old_body);
    --touched.count;
  }
  if (new_body) {
    touched.digest += object_digest(id.type, id.key, *new_body);
    ++touched.count;
  }
  if (touched.count == 0) return transaction_.erase(Table::kDigests, digest_row(owner, type));
  return transaction_.put(Table::kDigests, digest_row(owner, type),
                          encode_digest(touched.digest, touched.count));
}

Result<void> Applier::write_row(const ObjectId& id, TypeId type, OwnerId owner,
                                const std::optional<std::string>& body,
                                const std::optional<std::string>& compressed,
                                const std::optional<std::string>& old_body) {
  const std::string row = object_row(type, id.key, owner);
  const std::string owned = owned_row(owner, type, id.key);
  if (checked_ && checked_->row == row) checked_.reset();
  Result<void> done =
      body ? transaction_.put(Table::kObjects, row, *compressed) : transaction_.erase(Table::kObjects, row);
  if (!done) return done;
  if (body && !old_body) done = transaction_.put(Table::kOwned, owned, "");
  if (!body) done = transaction_.erase(Table::kOwned, owned);
  if (!done) return done;
  if (owner != kLayeredId) done = update_digest(owner, type, id, old_body, body);
  rows_.push_back({id.type, id.key, owner, old_body, body});
  return done;
}

Result<void> Applier::hide_layered(const ObjectId& id, TypeId type) {
  const std::string row = object_row(type, id.key, kLayeredId);
  const std::optional<std::string_view> value = transaction_.get(Table::kObjects, row);
  if (!value) return {};
  const std::string kept(*value);
  const Result<std::string> body = codec_.decompress(kept);
  if (!body) return body.error();
  if (Result<void> done = transaction_.put(Table::kHidden, row, kept); !done) return done;
  return write_row({id.type, std::string(kLayered), id.key}, type, kLayeredId, std::nullopt, std::nullopt,
                   *body);
}

Result<void> Applier::reveal_layered(const ObjectId& id, TypeId type) {
  const std::string row = object_row(type, id.key, kLayeredId);
  const std::optional<std::string_view> value = transaction_.get(Table::kHidden, row);
  if (!value) return {};
  const std::string kept(*value);
  Result<std::string> body = codec_.decompress(kept);
  if (!body) return body.error();
  if (Result<void> done = transaction_.erase(Table::kHidden, row); !done) return done;
  return write_row({id.type, std::string(kLayered), id.key}, type, kLayeredId, *body, kept, std::nullopt);
}

Result<void> Applier::apply_change(const Change& change, const std::optional<std::string>& compressed) {
  const Result<TypeId> type = names_.type_id(transaction_, change.id.type);
  if (!type) return type.error();
  const Result<OwnerId> owner = names_.owner_id(transaction_, change.id.owner);
  if (!owner) return owner.error();
  const std::string row = object_row(*type, change.id.key, *owner);
  const bool shadowed =
      *owner == kLayeredId &&
      transaction_.get(Table::kObjects, object_row(*type, change.id.key, kOwnId)).has_value();
  if (shadowed) {  // an own object stands above it: only what would be revealed changes
    return change.body ? transaction_.put(Table::kHidden, row, *compressed)
                       : transaction_.erase(Table::kHidden, row);
  }
  const Result<std::optional<std::string>> old_body = take_body(row);
  if (!old_body) return old_body.error();
  if (!change.body && !*old_body) return {};
  changes_.push_back({change.id, *old_body, change.body, change.computed_from});
  if (Result<void> done = write_row(change.id, *type, *owner, change.body, compressed, *old_body); !done)
    return done;
  if (*owner != kOwnId) return {};
  if (change.body && !*old_body) return hide_layered(change.id, *type);
  if (!change.body) return reveal_layered(change.id, *type);
  return {};
}

Result<void> Applier::apply_secrets(const Batch& batch) {
  for (const SecretChange& secret : batch.secrets) {
    const std::string row = secret_row(secret.space, secret.key);
    if (transaction_.get(Table::kSecrets, row) == secret.value) continue;
    secrets_changed_ = true;
    Result<void> done = secret.value ? transaction_.put(Table::kSecrets, row, *secret.value)
                                     : transaction_.erase(Table::kSecrets, row);
    if (!done) return done;
  }
  if (batch.origin)
    return transaction_.put(Table::kOrigins, batch.origin->owner, encode_cursor(batch.origin->cursor));
  if (!batch.forget_origin.empty()) return transaction_.erase(Table::kOrigins, batch.forget_origin);
  return {};
}

std::vector<TypeDigest> Applier::find_differences(const std::vector<TypeDigest>& expected) const {
  std::vector<TypeDigest> out;
  for (const TypeDigest& wanted : expected) {
    TypeDigest actual{wanted.type, wanted.owner, {}, 0};
    const std::optional<TypeId> type = names_.find_type(wanted.type);
    const std::optional<OwnerId> owner = names_.find_owner(wanted.owner);
    if (type && owner) {
      if (const auto stored = transaction_.get(Table::kDigests, digest_row(*owner, *type)))
        decode_digest(*stored, actual.digest, actual.count);
    }
    if (actual != wanted) out.push_back(std::move(actual));
  }
  return out;
}

Result<void> Applier::write_log(const Command& command, uint64_t& log_bytes) {
  const std::string bytes = encode_log_entry(command);
  log_bytes += bytes.size();
  return transaction_.put(Table::kLog, encode_u64(command.seq), bytes);
}

Result<Applied> Applier::apply(PreparedBatch prepared, const Cursor& cursor, env::WallTime time,
                               uint64_t& log_bytes) {
  changes_.clear();
  rows_.clear();
  touched_.clear();
  secrets_changed_ = false;
  Batch& batch = prepared.batch;
  for (size_t i = 0; i < batch.changes.size(); ++i) {
    if (Result<void> done = apply_change(batch.changes[i], prepared.compressed[i]); !done)
      return done.error();
  }
  if (Result<void> done = apply_secrets(batch); !done) return done.error();
  const std::vector<TypeDigest> expected = std::move(batch.expected);
  Command command = command_of(std::move(prepared), cursor.seq, time);
  for (const auto& [id, digest] : touched_) command.digests.push_back(digest);
  if (Result<void> done = write_log(command, log_bytes); !done) return done.error();
  auto commit = std::make_shared<Commit>();
  commit->cursor = cursor;
  commit->origin = command.origin;
  commit->principal = command.principal;
  commit->update_action = command.update_action;
  commit->time = time;
  commit->changes = std::move(changes_);
  commit->secrets = secrets_changed_;
  return Applied{std::move(commit), std::move(rows_), find_differences(expected), std::move(command)};
}

Result<Applied> Applier::apply(const Command& command, uint64_t epoch, uint64_t& log_bytes) {
  Result<PreparedBatch> prepared = batch_of(command, codec_);
  if (!prepared) return prepared.error();
  Result<Applied> applied = apply(std::move(*prepared), {epoch, command.seq}, command.time, log_bytes);
  if (applied && applied->command.digests != command.digests) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("commit {} left other objects here than where it was made", command.seq));
  }
  return applied;
}

}  // namespace mullion::store::internal
