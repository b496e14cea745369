// The store: one ordered commit log, atomic durable commits, lock-free snapshots, queries over indexes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "env/file.h"
#include "model/type_catalog.h"
#include "store/feed.h"
#include "store/query.h"
#include "store/read_failure.h"
#include "store/sequencer.h"
#include "store/types.h"

namespace mullion::store {

struct Options {
  env::Path directory;                     // created when absent; ignored by the in-memory engine
  uint64_t map_size = uint64_t{64} << 30;  // largest size of the database, bytes
  uint64_t log_max_bytes = uint64_t{512} << 20;
  env::Duration log_max_age = std::chrono::hours(24);
  size_t max_group = 512;   // batches made durable together
  size_t max_views = 2048;  // from this many open views on, nothing new is to be begun (Store::crowded())
  /// Whether open_store() gives space back to the disk first when that is quick and worth it (compaction.h).
  bool compact_at_open = true;
  /// Once it is true, copies and backups that are being made are broken off: kUnavailable.
  const std::atomic<bool>* stop = nullptr;
  const env::Clock* clock = &env::system_clock();
  std::shared_ptr<Sequencer> sequencer = std::make_shared<LocalSequencer>();
  /// Somebody else keeps the newest commits durably and applies them again: one sync per commit instead of
  /// two; a power cut may take the last commit, and never more.
  bool last_commit_may_go = false;
  /// Instead of the thread of the writer: is told when there is something to write, and calls `write` once,
  /// then or later, but neither from a CommitCallback nor after the store. For tests on one thread. Whoever
  /// blocks for a commit (commit_sync, drop_owner) has it called at once.
  std::function<void(std::function<void()> write)> writer = {};
};

/// An object as read. `owner` tells kOwn, kLayered or the remote owner.
struct StoredObject {
  ObjectId id;
  std::string body;
};

/// A frozen view at one sequence number; cheap to take, never blocks the writer, must end before its store.
/// Not thread-safe by itself (one user at a time), may move between threads. Views are few, and keep the
/// pages of their moment from being used again: a view is for a piece of work of this process, never for as
/// long as a peer takes (tools/check_views.py looks for views that are held while something is waited for).
/// Every read throws ReadFailure when it cannot be done: what is not found is not there, and what was visited
/// is the whole.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Cursor cursor() const = 0;
  /// The body of the object. Owner kOwn finds only the writable layer.
  virtual std::optional<std::string> get(const ObjectId& id) const = 0;
  /// All owners' objects of this key: own or layered first, then remote owners by id. Empty when there is
  /// none.
  virtual std::vector<StoredObject> get_all_owners(std::string_view type, std::string_view key) const = 0;
  /// The local object: own, else layered.
  virtual std::optional<StoredObject> get_local(std::string_view type, std::string_view key) const = 0;
  /// Calls `visit` for objects of `type` in (key, owner) order starting at `from` (inclusive) until it
  /// returns false. Views are valid during the call only. Remote owners are included.
  virtual void scan(std::string_view type, std::string_view from_key,
                    const std::function<bool(std::string_view key, std::string_view owner,
                                             std::string_view body)>& visit) const = 0;
  /// Same for one owner only, all in key order; used by replication.
  virtual void scan_owner(
      std::string_view type, std::string_view owner, std::string_view from_key,
      const std::function<bool(std::string_view key, std::string_view body)>& visit) const = 0;
  /// Every type that has or had an object of any owner.
  virtual std::vector<std::string> types() const = 0;
  /// Every remote owner that has objects or an origin recorded.
  virtual std::vector<std::string> remote_owners() const = 0;
  /// Digests and counts of every (owner, type) with objects; kLayered excluded.
  virtual std::vector<TypeDigest> digests() const = 0;
  virtual std::optional<Cursor> origin_cursor(std::string_view owner) const = 0;
  virtual std::optional<std::string> secret(std::string_view space, std::string_view key) const = 0;
  /// Runs a query against exactly this view (see query.h). An error is one of the query.
  virtual Result<QueryResult> query(const Query& query) const = 0;
  /// The same for counts by value. kNotAcceptable for a field without an index, or with too many values.
  virtual Result<GroupResult> group(const Grouping& grouping) const = 0;
};

using CommitCallback = std::function<void(Result<Committed>)>;

/// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  /// Queues `batch`; `done` runs on the writer thread once the batch is durable and visible, or refused:
  /// kConflict (a precondition; Model/Key name the object), kInvalid (an id that cannot be stored),
  /// kTooLarge, kInsufficientStorage (deletions pass a database at its size limit), kInternal, kUnavailable
  /// when closing or not agreed (Sequencer). `done` must be short. A batch without effect (bodies equal what
  /// is stored) still answers a cursor and publishes a commit.
  virtual void commit(Batch batch, CommitCallback done) = 0;
  /// Writes into the bodies of `batch` who changes them and when, as commit() does with every batch that does
  /// not have it yet: for whoever answers with what it is about to write.
  virtual void stamp(Batch& batch) const = 0;
  /// Blocking form for start-up, tools and tests. Not from coroutines.
  Result<Cursor> commit_sync(Batch batch);
  /// Applies what another server with the same database committed, all or nothing, and publishes it. kInvalid
  /// unless the commands follow the newest sequence number one by one; kCorrupt when a digest differs
  /// afterwards: the databases were not equal, and this one is not to be used further. Blocks.
  virtual Result<void> apply(const std::vector<Command>& commands) = 0;
  /// The same together with the place where they stand; `commands` may be none. kInvalid also when the place
  /// is not above the one that is stored.
  virtual Result<void> apply(const std::vector<Command>& commands, const AgreedStep& step) = 0;
  /// Takes a step that is no commit: `decide` runs while nobody else writes, and what it answers is stored.
  /// Its error is answered, and nothing is. Once it has decided the process ends when that cannot be stored.
  /// Blocks.
  virtual Result<void> step(const std::function<Result<AgreedStep>()>& decide) = 0;
  /// As of the newest commit. Throws ReadFailure.
  virtual AgreedState agreed() const = 0;

  /// Throws ReadFailure. Whoever begins work for a peer asks crowded() first, so that there is room for what
  /// goes on.
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  /// Whether so many views are open that no new work is to be begun.
  virtual bool crowded() const { return false; }
  virtual Cursor newest() const = 0;

  /// From now on `feed` gets the commits that concern it, until nobody holds it any more. What an answered
  /// commit changed is in the feed before its answer.
  virtual void attach(const std::shared_ptr<CommitFeed>& feed) = 0;
  /// The feeds of followers.
  virtual std::vector<CommitFeed::State> followers() const = 0;

  /// Reads logged commits with seq > `after`, oldest first, until `visit` returns false or the log ends.
  /// kNotFound ("compacted") when the log no longer reaches back to `after`, or `after` lies in another
  /// epoch.
  virtual Result<void> read_log(Cursor after,
                                const std::function<bool(const LoggedCommit&)>& visit) const = 0;

  /// The newest changes of one object that the log holds, `most` at most, and their bodies `most_bytes` at
  /// most (the newest one whatever its size). Reads the whole log, without opening what is about others.
  virtual Result<ObjectHistory> history(const ObjectId& id, size_t most, size_t most_bytes) const = 0;

  /// Whether replicas (remote owners) take part in queries at all: manager off hides them at once.
  virtual void show_replicas(bool shown) = 0;
  virtual bool replicas_shown() const = 0;

  /// The collections of this store: built in, and declared by plugins.
  virtual model::TypeCatalog& types() { return types_; }
  virtual const model::TypeCatalog& types() const { return types_; }

  /// Removes every object and origin of a remote owner in bounded commits.
  virtual Result<void> drop_owner(std::string_view owner) = 0;

  struct Statistics {
    uint64_t objects = 0;  // own and remote; layered ones are not counted
    uint64_t log_bytes = 0;
    uint64_t log_commits = 0;
    uint64_t index_bytes = 0;  // memory, about
    uint64_t commits = 0;
    uint64_t groups = 0;
    double last_commit_seconds = 0;
    uint64_t views = 0;              // open now
    double oldest_view_seconds = 0;  // age of the oldest of them
    uint64_t file_bytes = 0;         // of the database, in use and free
    uint64_t free_bytes = 0;         // of these, not in use
    uint64_t pinned_bytes = 0;       // of the free ones, kept from being used again by views
  };
  virtual Statistics statistics() const = 0;
  /// The same database once more, to be continued by another server that shares it: file and epoch as they
  /// are at one moment, in `directory`, which is made; not synced. Answers what the copy remembers as
  /// agreed(). What fails leaves what there is for the caller to remove.
  virtual Result<AgreedState> copy(const env::Path& directory) const = 0;
  /// Copies the database consistently to `directory`, which must not exist, while it runs. Until the copy is
  /// whole and durable it lies in a neighbour (compaction.h: remove_partial_backups()), which a failure
  /// removes.
  virtual Result<void> backup(const env::Path& directory) const = 0;

 private:
  model::TypeCatalog types_;
};

/// A feed of `store` from now on.
std::shared_ptr<CommitFeed> attach_feed(Store& store, std::string name, Interest interest,
                                        size_t max_bytes = CommitFeed::kCache);
/// A feed that keeps nothing and fires `signal`.
std::shared_ptr<CommitFeed> attach_signal(Store& store, std::string name, Interest interest,
                                          std::shared_ptr<env::Signal> signal);

/// Of an error that a database met when it was opened: kCorrupt says what to do, everything else stays.
Error when_opened(const env::Path& directory, const Error& error);
/// What a database that nobody has open remembers as Store::agreed(). kNotFound: there is none in
/// `directory`.
Result<AgreedState> read_agreed(const env::Path& directory);

/// kCorrupt: it is damaged, and what to do is said; kConflict: a newer version has written it. Index
/// descriptors come from the model (model::object_types()); parameter resolution for Params filters of
/// machines (aggregation) is injected by the API as a function.
Result<std::unique_ptr<Store>> open_store(const Options& options);
/// Same behaviour without durability: for tests of other rooms.
std::unique_ptr<Store> open_memory_store(const env::Clock& clock = env::system_clock());
std::unique_ptr<Store> open_memory_store(const Options& options);

}  // namespace mullion::store
