// The replicas behind one endpoint, as its public API shows them: written, and how old they are.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "mirror/internal/paging.h"
#include "replication/commit_pipe.h"
#include "replication/sink.h"

namespace mullion::mirror {

/// Writes what was shown and remembers as of when the replicas are. The endpoint has no log that one could
/// stand in, so places in it are counted here: an epoch of the replica's own, and a number for each commit.
/// Thread-safe; comparisons and changes of one object come from one caller at a time, after drain().
class Replica {
 public:
  Replica(const replication::SinkOptions& options, replication::SavedPosition position);

  /// Waits until everything that was written is stored.
  env::Task<Result<void>> drain() { return pipe_.drain(); }
  void on_failure(std::function<void()> callback) { pipe_.on_failure(std::move(callback)); }
  bool failed() const { return pipe_.failed(); }
  /// Nothing is written from now on.
  void close();

  /// What the endpoint says it leads to; nothing is complete that it does not announce.
  void announce(std::vector<replication::Announcement> announced);
  /// The owners whose objects are kept from now on.
  void want(std::vector<std::string> owners);
  std::optional<std::vector<std::string>> wanted() const;

  /// The object as it is now, absent: there is none. True when the replica was different.
  Result<bool> put(const std::string& prefix, const std::string& owner, const std::string& key,
                   std::optional<std::string> body);
  /// The owners that have an object of this key here, of those that are wanted.
  std::vector<std::string> holders(const std::string& prefix, const std::string& key) const;

  struct Comparison {
    size_t changed = 0;
    std::vector<std::string> missing;  // keys that are here and were not shown
  };
  /// Writes what a page shows differently. `span`: the keys whose absence it tells, too. Objects that
  /// `is_overtaken` are left alone.
  Result<Comparison> compare(const Collection& collection, const std::vector<Shown>& page,
                             const std::optional<Paging::Span>& span,
                             const std::function<bool(const std::string& key)>& is_overtaken);
  /// Keys that are here and that `is_shown` does not know.
  std::vector<std::string> missing(
      const Collection& collection,
      const std::function<bool(const std::string& owner, const std::string& key)>& is_shown) const;
  /// How many objects of the collection are here, of owners that are wanted.
  uint64_t count(std::string_view prefix) const;
  bool holds(std::string_view prefix) const { return count(prefix) > 0; }
  /// Every collection with objects of wanted owners here that is not among `known`, with their keys' number.
  std::vector<std::string> other_collections(const std::vector<Collection>& known) const;
  /// Removes what is here of a collection that the endpoint does not have any more.
  Result<void> erase_collection(const std::string& prefix);

  /// Collections of which the account saw all that the endpoint counts; kept over connections and restarts,
  /// from the next commit on.
  void remember_seen_wholly(std::set<std::string> prefixes);
  bool was_seen_wholly(const std::string& prefix) const;

  /// A walk that began at `begun` went through everything of these owners.
  Result<void> completed(const std::vector<std::string>& owners, env::SteadyTime begun);
  /// Everything that was true at `moment` has arrived.
  void prove(env::SteadyTime moment);

  bool follows(std::string_view owner) const;
  std::optional<env::SteadyTime> as_of(std::string_view owner) const;
  /// The endpoint said then that it is in touch with the owner; absent: it says nothing of the kind.
  std::optional<env::SteadyTime> told(std::string_view owner) const;
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                 replication::HeldUpCollections held_up);

  /// Nothing is known of a collection's objects that is newer than what they are now: from here on they are
  /// as of then, or of `read_at` when that is earlier. Absent: never known. One that is held up already stays
  /// as old as it is.
  void hold_up(const std::string& collection, std::optional<env::SteadyTime> read_at, std::string reason);
  /// The same, when it is not held up already: what is stored of it now is as new as its owners' replicas.
  void hold_up_from_now(const std::string& collection, std::string reason);
  bool is_held_up(const std::string& collection) const;
  /// What is stored of it is as new as its owners' replicas. Also of what was held up before this connection.
  void release(const std::string& collection);
  /// The same of all but these.
  void release_others(const std::set<std::string>& collections);
  /// Those of the owner.
  replication::HeldUpCollections held_up(std::string_view owner) const;
  replication::SavedPosition position() const;
  /// The newest place of the owner that was given to a commit.
  store::Cursor place() const;

 private:
  Result<void> push(const std::string& owner, std::vector<store::Change> changes);
  void begin_settling() REQUIRES(mutex_);
  bool is_settling() const REQUIRES(mutex_);
  bool is_releasing() const REQUIRES(mutex_);
  bool is_announced_in_touch(std::string_view owner) const REQUIRES(mutex_);
  void hold_up_of_all_owners() REQUIRES(mutex_);
  void release_if(const std::function<bool(const std::string& collection)>& is_read);

  const replication::SinkOptions& options_;
  replication::CommitPipe pipe_;
  mutable Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  replication::SavedPosition position_ GUARDED_BY(mutex_);
  std::optional<std::vector<std::string>> wanted_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> complete_ GUARDED_BY(mutex_);    // since this connection was made
  std::set<std::string, std::less<>> taken_over_ GUARDED_BY(mutex_);  // in a commit of this connection
  env::SteadyTime announced_at_ GUARDED_BY(mutex_);                   // or when the connection was made
  std::optional<env::SteadyTime> common_ GUARDED_BY(mutex_);
  bool owners_to_save_ GUARDED_BY(mutex_) = true;
  std::set<std::string> seen_wholly_ GUARDED_BY(mutex_);
  bool seen_wholly_to_save_ GUARDED_BY(mutex_) = false;
  std::optional<env::SteadyTime> settled_ GUARDED_BY(mutex_);
  /// What is told until answers that were begun before have been given.
  replication::AsOf shown_ GUARDED_BY(mutex_);
  std::optional<env::SteadyTime> released_ GUARDED_BY(mutex_);
  replication::HeldUpOwners shown_held_up_ GUARDED_BY(mutex_);  // the same, of what was released
  struct Obstacle {
    std::optional<env::SteadyTime> read_at;
    std::string reason;
  };
  std::map<std::string, Obstacle> obstacles_ GUARDED_BY(mutex_);  // of this connection, by collection
};

}  // namespace mullion::mirror
