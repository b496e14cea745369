// One connection to one endpoint that is followed by its public API: what is asked, heard and written. What
// is decided on the way is pure and has files of its own: hints, paging, vanishing, announced, target, pace.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "env/timers.h"
#include "mirror/internal/announced.h"
#include "mirror/internal/api.h"
#include "mirror/internal/hints.h"
#include "mirror/internal/paging.h"
#include "mirror/internal/replica.h"
#include "mirror/internal/reported_state.h"
#include "mirror/internal/sight.h"
#include "mirror/internal/target.h"
#include "mirror/internal/troubles.h"
#include "mirror/internal/vanishing.h"
#include "mirror/mirror.h"

namespace mullion::mirror {

inline constexpr Logger kLog("mirror");

/// How often a request is sent that fails for a reason that may pass.
inline constexpr int kMostAttempts = 5;
/// How long a walk waits for word of a collection that could not be read, or that lost too much at once.
inline constexpr auto kWalkAgain = std::chrono::seconds(30);
/// With this a walk says that it does not believe yet what it saw: it is gone through again soon.
inline constexpr ErrorCode kUndecided = ErrorCode::kConflict;
/// How long anything is waited for that is told by a signal.
inline constexpr auto kIdle = std::chrono::minutes(1);

/// What Mirror promises, carried out. Several tasks share it: events and probes (hearing.cc), single objects
/// (objects.cc), walks, what they begin with and what they miss (walks.cc, learning.cc, missing.cc), and
/// writes of ours (writing.cc).
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  Conversation(replication::SinkOptions options, replication::SavedPosition saved, Limits limits,
               Known known);

  // As those of Mirror.
  env::Task<Result<void>> open(std::shared_ptr<net::Link> link, Authorization authorization);
  env::Task<Error> run();
  void abort();
  void subscribe(std::vector<std::string> owners);
  bool follows(std::string_view owner) const;
  env::Task<Taken> take_written(Written written, env::Duration patience);
  uint64_t word() const;
  Replica& replica() { return replica_; }
  const Limits& limits() const { return limits_; }

 private:
  // ---- the connection

  env::Task<Result<void>> register_for_all();
  env::Task<Result<void>> command(std::string word, std::string pattern);
  /// The first reason counts. From any thread.
  void end(Error why);
  std::optional<Error> ended() const;
  Collection collection(const std::string& prefix) const;
  void add_hint(const std::string& prefix, std::string key);
  /// GET, again while the endpoint fails for a reason that may pass.
  env::Task<Result<Answer>> repeated(client::Request request);
  /// What ends this connection; other failures are tried again.
  bool is_final(const Error& error);
  static Error no_longer_readable(std::string_view prefix);
  /// A refusal that says nothing about the connection.
  static Error failed(std::string_view what, int status);

  // ---- what the endpoint says by itself, and how fresh that makes the replicas

  env::Task<void> read_events();
  /// Whether it is an acknowledgement.
  Result<bool> take_event(std::string_view text);
  Result<void> take_acknowledgement(std::string_view action, std::string_view key);
  /// An upload of which only events tell: its checksum is part of the reported state from now on.
  void note_upload(std::string path);
  void hint(const std::string& prefix, const std::string& key);
  /// Events and acknowledgements come in order: whatever was committed before a command was sent has been
  /// told of once it is acknowledged.
  env::Task<void> probe();
  env::Task<bool> is_acknowledged(uint64_t number);
  /// Events of what the account may not read any more are just not sent: silence alone proves nothing.
  env::Task<void> look_at_rights();
  std::vector<std::string> held_collections();
  /// What was proven counts once everything that had been told of by then is stored.
  void settle();
  /// Whether everything is stored that the endpoint had told of by now.
  env::Task<bool> told_everything();

  // ---- objects that may have changed

  env::Task<void> fetch_objects();
  env::Duration until_due() const;
  void fetched_object(const Hint& hint);
  void ask_again(const Hint& hint, const Error& why);
  /// The collection is as new as the rest once nothing of it is left to be read.
  void release_if_read(const std::string& prefix) REQUIRES(mutex_);
  env::Task<Result<void>> fetch(Hint hint);
  env::Task<Result<void>> fetch_one(Hint hint);
  /// An endpoint that leads to others has objects of one key of several owners. Lists may be cut to less than
  /// was asked for: as long as one that is here is not shown, there may be more.
  env::Task<Result<void>> fetch_of_all(Hint hint);
  enum class Answered { kPage, kNothing, kUnfiltered };
  /// Adds what the next page shows to `found`.
  env::Task<Result<Answered>> ask_page_of_key(const Hint& hint, std::vector<Shown>& found);
  /// An answer that shows another object than was asked for says nothing of that one.
  Result<void> take_other(const Hint& hint, const Shown& other);
  /// Every object of the hint's key that there is; with `of`, of that owner alone.
  env::Task<Result<void>> take_shown(Hint hint, std::vector<Shown> shown, std::optional<std::string> of);
  Result<void> put_all(const Hint& hint, std::vector<Shown> shown, const std::optional<std::string>& of);
  Result<bool> put_newest(const Hint& hint, const std::string& owner, const std::string& key,
                          std::optional<std::string> body);
  /// Whether a walk asked for it and no event did.
  bool doubted(const Hint& hint);
  void correct(const std::string& prefix, const std::string& key);

  // ---- what kind of server it is

  /// Which collections it has, what it reports of itself, and whom it leads to.
  env::Task<Result<void>> learn();
  /// A server that may not, or cannot, tell its collections is asked for those that are known here; one that
  /// fails has those that it had.
  env::Task<Result<void>> learn_collections();
  /// `told`: events said that they changed.
  env::Task<Result<void>> learn_owners(bool told);
  /// The list of them fails: those that were announced before stand.
  void announce_again(std::vector<replication::Announcement> before);
  /// Absent: it fails.
  env::Task<Result<std::optional<std::vector<Attached>>>> attached_endpoints();
  env::Task<Result<void>> look_at_uploads();
  /// What the account may see, for what walks miss.
  env::Task<void> learn_rights();
  env::Task<Result<void>> tell_state();
  /// A part of it that cannot be read has an age of its own, like a collection, and is tried again like one.
  void note_part(const AskedPart& part, env::SteadyTime begun);

  // ---- walks through all collections

  enum class Walk {
    kFirst,    // everything at once; what is written then is no correction
    kRegular,  // slowly
    kTold,     // at once, because events told of more than is remembered
  };
  env::Task<Error> walk();
  Result<void> take_walked(const std::vector<std::string>& wanted, env::SteadyTime walk_begun);
  /// Waits for the next walk, and does meanwhile what events ask for.
  env::Task<Result<void>> until_walk();
  /// How long there is nothing to do, unless something is heard.
  env::Duration until_due_work(env::Duration most) const;
  /// What events said of the server itself.
  env::Task<Result<void>> learn_changes();
  /// Whether a collection was found empty of which objects are here, and no walk was made for that lately.
  bool is_walk_due_early();
  /// A provider that came brings collections, of which no event was taken yet.
  env::Task<Result<void>> walk_new_collections();
  /// Collections of which more was told than is remembered.
  env::Task<Result<void>> walk_overflown();
  /// True when every collection was gone through that can be read. An error ends the connection.
  env::Task<Result<bool>> walk_once(Walk kind);
  /// Of one collection. One that cannot be read is noted and tried again: nothing else waits for it. False:
  /// what it lost is not believed yet.
  env::Task<Result<bool>> walk_noted(Collection one, Walk kind);
  void note_walked(const std::string& prefix, env::SteadyTime walk_begun);
  void note_trouble(const std::string& prefix, const Error& why);
  /// Why an object of the collection was left to a walk; absent: none was.
  std::optional<Error> take_given_up(const std::string& prefix);
  /// Collections of which objects were left to a walk: that comes sooner for them.
  void note_given_up();
  /// Collections and parts of the reported state that could not be read, and are due.
  env::Task<Result<void>> walk_troubled();
  void tell_shortcomings();
  /// Collections that the endpoint had once and knows nothing of any more.
  env::Task<Result<void>> erase_vanished(const std::vector<Collection>& known);
  /// What this account may not read, or the server does not have, is passed over. What it may not read any
  /// more cannot be proven current: that ends the connection.
  env::Task<Result<void>> walk_collection(Collection one, Walk kind);
  enum class Page { kNext, kPassedOver };
  env::Task<Result<Page>> walk_page(const Collection& one, std::string query, Paging& paging, Walk kind,
                                    Missing& missing);
  env::Task<Result<void>> take_page(const Collection& one, Paging& paging, const Answer& answer, Walk kind,
                                    Missing& missing);
  Result<Replica::Comparison> compare(const Collection& one, const std::vector<Shown>& page,
                                      const std::optional<Paging::Span>& span);
  /// The walk did not show these: they are asked for one by one, unless too many are gone at once.
  env::Task<Result<void>> look_for(std::string prefix, Missing missing, Walk kind);
  /// Those of which nothing was heard since. Absent: more was heard of the collection than is remembered.
  std::optional<std::vector<std::string>> untold(const std::string& prefix, std::vector<std::string> keys,
                                                 Walk kind) const;
  /// How many objects of the collection the endpoint counts, where that says something.
  env::Task<Result<std::optional<uint64_t>>> counted(std::string prefix);
  /// How many of them the account may not read, by what the endpoint tells of its rights now.
  env::Task<size_t> forbidden(std::string prefix, std::vector<std::string> keys);
  /// What is shown although its rights do not allow it shows that they are not understood.
  void compare_with_rights(const std::string& prefix, const std::vector<Shown>& page);
  /// Whether a walk some time ago saw the collection lose too much at once.
  bool was_emptying(const std::string& prefix) const;
  void note_emptying(const std::string& prefix);
  Result<void> not_emptying(const std::string& prefix);
  env::Task<Result<void>> ask_for(std::string prefix, std::vector<std::string> keys, bool corrects);
  /// Waits for `is_met`, which is called under the lock whenever something is settled.
  env::Task<void> until_settled(std::function<bool()> is_met);

  // ---- writes of ours

  env::Task<bool> hold(Written written, Target target);
  /// False: nothing was written, because more was heard of the object since the request was sent; the answer
  /// may be older than that.
  env::Task<Result<bool>> put_written(Collection type, Shown shown, uint64_t before);

  replication::SinkOptions options_;
  const Limits limits_;
  const Known known_;
  Replica replica_;
  std::shared_ptr<Api> api_;
  std::shared_ptr<net::WebSocket> socket_;
  env::SteadyTime begun_{};
  std::atomic<bool> over_{false};
  std::atomic<bool> manages_{false}, leads_to_others_{false};
  std::atomic<bool> owners_changed_{false}, state_changed_{false}, emptied_{false};
  std::atomic<uint64_t> commands_{0}, acknowledged_{0};
  std::atomic<int> unanswered_{0};
  env::Signal wake_, hinted_, settled_, acknowledgement_, wake_probe_, closing_;

  // Of the walk alone.
  std::vector<Collection> collections_;
  std::set<std::string> by_offset_;
  Uploads uploads_;  // of which an event told
  Counts counts_;    // as the last `info` says
  env::SteadyTime next_walk_{};
  std::optional<env::SteadyTime> early_walk_;
  env::SteadyTime learn_due_{}, overflown_due_{};
  std::optional<std::vector<std::string>> walked_for_;
  bool owners_doubted_ = false;  // the last look missed some that were announced before
  Troubles troubles_;
  std::map<std::string, env::SteadyTime> read_at_;  // when the last walk through it began, by collection
  Rights rights_;                                   // as learnt before the last walk
  std::string rights_unknown_;                      // why they tell nothing
  Shortcomings told_;

  /// Held while something newer than the replica is decided and handed to it.
  Mutex applying_;  // taken before `mutex_`
  struct Proof {
    env::SteadyTime asked;
    uint64_t mark = 0;
  };
  struct Command {
    std::string word, pattern;
  };
  mutable Mutex mutex_;
  std::optional<Error> reason_ GUARDED_BY(mutex_);
  Command awaited_ GUARDED_BY(mutex_);              // the last one that was sent
  bool acks_tell_what_ GUARDED_BY(mutex_) = false;  // acknowledgements repeat the command
  Hints hints_ GUARDED_BY(mutex_);
  std::set<Hint> doubts_ GUARDED_BY(mutex_);
  std::map<std::string, Error> given_up_
      GUARDED_BY(mutex_);                            // by collection: an object of it was left to a walk
  std::set<std::string> unread_ GUARDED_BY(mutex_);  // collections of which a walk has to read something
  std::set<std::string> uploads_changed_ GUARDED_BY(mutex_);
  std::set<std::string> listed_ GUARDED_BY(mutex_);  // prefixes of collections
  /// Collections that lost too much at once, since when: they are looked at again.
  std::map<std::string, env::SteadyTime, std::less<>> emptying_ GUARDED_BY(mutex_);
  std::deque<Proof> proofs_ GUARDED_BY(mutex_);
  std::optional<env::SteadyTime> proven_at_ GUARDED_BY(mutex_);
};

}  // namespace mullion::mirror
