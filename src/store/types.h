// Words shared by everybody who reads or writes objects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "env/clock.h"

namespace mullion::store {

/// Owner name of objects that live on this endpoint's writable layer.
inline constexpr std::string_view kOwn = "";
/// Owner name of effective objects of content layers below the writable one. Never replicated, never in
/// digests. Contains a character that no endpoint id can contain.
inline constexpr std::string_view kLayered = "\x01layers";

inline bool is_remote(std::string_view owner) { return owner != kOwn && owner != kLayered; }

/// A place in one endpoint's commit log. epoch is random, born with a store.
struct Cursor {
  uint64_t epoch = 0;
  uint64_t seq = 0;
  bool operator==(const Cursor&) const = default;
};

/// Where a replicated commit was born: the owner and its cursor there.
struct Origin {
  std::string owner;
  Cursor cursor;
  bool operator==(const Origin&) const = default;
};

/// Identity of an object.
struct ObjectId {
  std::string type;   // collection prefix, e.g. "machines"
  std::string owner;  // kOwn, kLayered or an endpoint id
  std::string key;
  bool operator==(const ObjectId&) const = default;
};

enum class Expect {
  kAnything,  // no precondition
  kAbsent,    // the object must not exist (for kOwn: not in the writable layer)
  kExists,    // must exist
  kSame,      // must exist with body hash `expected_hash`
};

/// One wanted change. `body` is canonical JSON without the `Endpoint` member; absent = delete.
struct Change {
  ObjectId id;
  std::optional<std::string> body;
  Expect expect = Expect::kAnything;
  Digest expected_hash;  // hash128(body) for kSame
  /// The commit whose view the body was computed from, for followers that would compute it again; 0: not
  /// told.
  uint64_t computed_from = 0;
};

/// A precondition on an object that the batch does not change.
struct Guard {
  ObjectId id;
  Expect expect = Expect::kExists;
  Digest expected_hash;
};

/// A private value beside the objects: local only, never in the log, replies or replicas (password hashes,
/// keys, tokens secrets, preferences of the engine). absent value = delete.
struct SecretChange {
  std::string space;  // e.g. "users", "machines", "box-keys", "state"
  std::string key;
  std::optional<std::string> value;
  bool operator==(const SecretChange&) const = default;
};

/// A precondition on a private value: it must still be this (absent: there is none).
struct SecretGuard {
  std::string space;
  std::string key;
  std::optional<std::string> value;
};

/// A precondition on everybody else: no local object of the type but `key` has the value in the index.
struct UniqueGuard {
  std::string type;
  std::string index;  // by name; one that the model does not know holds
  std::string value;  // as model::encode_index_argument() writes it
  std::string key;    // of the object that is to have it
};

/// Digest of one owner's objects of one type.
struct TypeDigest {
  std::string type;
  std::string owner;
  Digest digest;
  uint64_t count = 0;
  bool operator==(const TypeDigest&) const = default;
};

/// An atomic set of changes: all or none, one sequence number.
struct Batch {
  std::vector<Change> changes;
  std::vector<Guard> guards;
  std::vector<SecretChange> secrets;
  std::vector<SecretGuard> secret_guards;
  std::vector<UniqueGuard> unique;
  std::optional<Origin> origin;  // set by the replication sink; absent = born here
  std::string forget_origin;     // a remote owner whose recorded origin cursor is dropped
  /// What the digests should be after the batch. One that is not is no reason to refuse the batch: see
  /// Committed::differences.
  std::vector<TypeDigest> expected;
  std::string principal;  // who asked, for events: "user:NAME", "system"
  /// Event action by API contract for changed objects: "update" or "save". create/delete are derived.
  std::string update_action = "save";
  bool stamped = false;  // the bodies tell who wrote them and when (Store::stamp())
};

/// What a writer gets back.
struct Committed {
  Cursor cursor;
  std::vector<TypeDigest> differences;  // what the digests are, where Batch::expected said something else
};

/// What became of one change; old_body is absent for a creation, body for a deletion.
struct AppliedChange {
  ObjectId id;
  std::optional<std::string> old_body;
  std::optional<std::string> body;
  uint64_t computed_from = 0;  // as the batch told it; 0 in commits that were read again
};

/// A commit as published to in-process followers (index, events) right after it is durable and visible.
struct Commit {
  Cursor cursor;
  std::optional<Origin> origin;
  std::string principal;
  std::string update_action;
  env::WallTime time;
  std::vector<AppliedChange> changes;  // without no-ops of kLayered shadowing; in batch order
  bool secrets = false;                // private values changed too; nobody is told which
  bool from_log = false;               // read again later: old bodies, principal and action are not known
};

/// What the log says of one object.
struct ObjectHistory {
  struct Change {
    Cursor cursor;
    env::WallTime time;
    std::optional<std::string> body;  // absent: it was deleted
  };
  std::vector<Change> changes;  // the newest ones, oldest first
  bool more = false;            // the log has older ones too
  env::WallTime log_begins;     // time of the oldest commit in the log
};

/// A commit as kept in the log, for followers that read it later or send it on.
struct LoggedCommit {
  Cursor cursor;
  std::optional<Origin> origin;
  env::WallTime time;
  struct LoggedChange {
    ObjectId id;  // owner kOwn or remote; kLayered changes are not logged
    std::optional<std::string> body;
  };
  std::vector<LoggedChange> changes;
  std::vector<TypeDigest> digests;  // of every (owner, type) touched, after the commit
};

}  // namespace mullion::store
