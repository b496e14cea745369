// Where the commits of a store wait for somebody who follows it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "env/runtime.h"
#include "store/types.h"

namespace mullion::store {

/// Which commits somebody wants to know of, as data: the store's writer compares and calls nobody.
struct Interest {
  enum class Owners { kOwn, kLayered, kRemote, kLocal /* own and layered */, kAny };
  struct Rule {
    std::string type;  // "": every type
    Owners owners = Owners::kLocal;
    bool removals_only = false;
    std::string key = {};  // "": every key
  };
  std::vector<Rule> rules;
  bool secrets = false;     // commits that change private values
  bool replicated = false;  // commits with an origin, also those that change nothing
  bool everything = false;
};

/// What a commit touches, each thing once: made once for all feeds.
struct CommitOutline {
  struct Touched {
    std::string_view type;
    Interest::Owners owner = Interest::Owners::kOwn;
    bool removal = false;
    bool operator==(const Touched&) const = default;
  };
  const Commit* commit = nullptr;
  std::vector<Touched> touched;
  bool secrets = false;
  bool replicated = false;
  size_t bytes = 0;  // about what the commit holds in memory
};
/// Refers to `commit`.
CommitOutline outline_of(const Commit& commit);
bool concerns(const Interest& interest, const CommitOutline& commit);

/// The commits that concern one interest, from the moment it is attached to a store (Store::attach) until
/// nobody holds it any more. What is derived from a store is kept true with it in one of three ways: by
/// comparing newest() with what was derived, by taking the commits before it is used, or by a Follower.
/// Thread-safe.
class CommitFeed {
 public:
  /// What a feed holds about, bytes, before it forgets and says so: nothing at all for who only compares
  /// newest() or waits for the signal, little for a cache that may never be asked again, much for a Follower.
  static constexpr size_t kNothing = 0;
  static constexpr size_t kCache = size_t{1} << 20;
  static constexpr size_t kFollower = size_t{32} << 20;

  /// `name` is for metrics and the log.
  CommitFeed(std::string name, Interest interest, size_t max_bytes,
             std::shared_ptr<env::Signal> signal = std::make_shared<env::Signal>());

  /// Sequence number of the newest commit that concerns it, or of the store when it was attached. Never older
  /// than what a commit that was answered has changed.
  uint64_t newest() const { return newest_; }
  /// Fires with each such commit, and whenever its owner fires it.
  const std::shared_ptr<env::Signal>& signal() const { return signal_; }

  struct Taken {
    std::vector<std::shared_ptr<const Commit>> commits;  // in order
    bool whole = true;  // false: earlier ones were forgotten, since nobody took them for so long
  };
  /// The oldest ones, at most so many.
  Taken take(size_t most = SIZE_MAX);

  struct State {
    std::string name;
    size_t waiting = 0;       // commits
    uint64_t forgotten = 0;   // how often it forgot
    uint64_t failures = 0;    // of a Follower's handler
    double busy_seconds = 0;  // how long the handler has been at the same commit
  };
  State state() const;

 private:
  friend class FeedList;
  friend class Follower;
  /// By the writer.
  void offer(const std::shared_ptr<const Commit>& commit, const CommitOutline& outline);

  const std::string name_;
  const Interest interest_;
  const size_t max_bytes_;
  const std::shared_ptr<env::Signal> signal_;
  const env::Clock* clock_ = nullptr;  // of the store that it is attached to
  std::atomic<bool> followed_{false};  // by a Follower
  std::atomic<uint64_t> newest_{0};
  std::atomic<uint64_t> forgotten_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<int64_t> busy_since_{0};  // steady; 0: not busy
  mutable Mutex mutex_;
  std::deque<std::pair<std::shared_ptr<const Commit>, size_t>> waiting_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool whole_ GUARDED_BY(mutex_) = true;
};

/// The feeds of one store. Thread-safe.
class FeedList {
 public:
  explicit FeedList(const env::Clock& clock) : clock_(clock) {}
  /// `newest`: of the store, now.
  void add(const std::shared_ptr<CommitFeed>& feed, uint64_t newest);
  /// To every feed that it concerns, in the order in which they were added.
  void offer(const std::shared_ptr<const Commit>& commit);
  /// Of the feeds of followers.
  std::vector<CommitFeed::State> states() const;

 private:
  std::vector<std::shared_ptr<CommitFeed>> alive() const;

  const env::Clock& clock_;
  mutable Mutex mutex_;
  std::vector<std::weak_ptr<CommitFeed>> feeds_ GUARDED_BY(mutex_);
};

}  // namespace mullion::store
