// The taking side of the replication stream: keeps replicas of the owners behind one attached endpoint.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "env/timers.h"
#include "model/messages.h"
#include "net/http.h"
#include "replication/wire.h"
#include "store/store.h"

namespace mullion::replication {

/// By owner: a moment such that the replica here holds everything that its owner had committed by then;
/// steady time, so that it only compares within this process.
using AsOf = std::map<std::string, env::SteadyTime, std::less<>>;

/// Of a collection that is older than the rest of its owner's replica, because the endpoint next to the owner
/// cannot be asked for it.
struct HeldUp {
  std::optional<env::SteadyTime> as_of;  // absent: never known to be complete
  std::string reason;
  bool operator==(const HeldUp&) const = default;
};
/// By collection, and by owner.
using HeldUpCollections = std::map<std::string, HeldUp, std::less<>>;
using HeldUpOwners = std::map<std::string, HeldUpCollections, std::less<>>;
/// What holds when both are said: whatever is older.
HeldUpCollections older_of(HeldUpCollections one, const HeldUpCollections& other);

/// What is remembered of an endpoint between streams and over restarts. Kept in the store's secrets, changed
/// in the same commit as the replicas, so that it never says more than they hold.
struct SavedPosition {
  store::Cursor cursor;                        // in the endpoint's log; epoch 0: none
  std::set<std::string, std::less<>> follows;  // owners whose replicas are complete as of `cursor`
  std::vector<Announcement> announced;         // when it was last heard
  AsOf as_of;                                  // absent: never known to be complete
  HeldUpOwners held_up;                        // what is older than that
};
/// Over a restart the wall clock tells how much older the replicas became; when it was set back meanwhile
/// nobody knows, as if they had never been complete.
SavedPosition load_position(const store::Snapshot& view, std::string_view endpoint, const env::Clock& clock);
/// The changes of secrets that save it.
std::vector<store::SecretChange> save_position(std::string_view endpoint, const SavedPosition& position,
                                               const env::Clock& clock);
/// The changes of secrets that forget it.
std::vector<store::SecretChange> forget_position(std::string_view endpoint);

/// Numbers of one attached endpoint, over all its streams. Thread-safe.
struct SinkCounters {
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> snapshots{0};
  std::atomic<uint64_t> mismatches{0};
  std::atomic<uint64_t> lag{0};  // commits of the endpoint not yet received here
  /// Of an endpoint that is followed by its public API: objects that no event told of.
  std::atomic<uint64_t> corrections{0};
};

struct SinkOptions {
  store::Store& store;
  env::TaskGroup& tasks;  // runs what goes on beside the reading
  std::string own_id;
  std::string version;
  std::string endpoint;  // id the source must have
  SinkCounters& counters;
  /// The source announced these owners (checked: ways end at the source). Then subscribe() is to be called.
  std::function<void(std::vector<Announcement>)> on_owners;
  std::function<void(model::EndpointState state)> on_state;
  /// Whether the replicas are as new as what the source told is its newest.
  std::function<void(bool current)> on_current;
  const env::Clock& clock;
  const env::Timers& timers;
  /// The replica of `owner` is this stream's from now on. Called before anything of it is written; then
  /// set_as_of() may be called.
  std::function<void(const std::string& owner)> on_takeover = nullptr;
  /// Other collections are held up than before. On any thread.
  std::function<void()> on_held_up = nullptr;
  /// An answer is made from a view that was opened up to this long before its age is asked for: what is
  /// proven counts that much later.
  env::Duration answer_time = std::chrono::milliseconds(200);
};

/// One stream. subscribe() and the questions are thread-safe.
class Sink {
 public:
  Sink(SinkOptions options, SavedPosition position);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// Target of the websocket, with the cursor to resume from.
  std::string target() const;
  /// Follows the stream until it breaks, and says why. Everything received is durable or refused when it
  /// returns.
  env::Task<Error> run(std::shared_ptr<net::WebSocket> socket);
  /// The owners wanted from now on.
  void subscribe(std::vector<std::string> owners);
  /// As of when the replica of `owner` is: nothing that its owner had committed by then is missing. Absent:
  /// never known to be complete.
  std::optional<env::SteadyTime> as_of(std::string_view owner) const;
  /// Its collections that are older than as_of() says.
  HeldUpCollections held_up(std::string_view owner) const;
  /// As of when the source's own replica of `owner` is, by its last word. Absent: it announces none.
  std::optional<env::SteadyTime> told(std::string_view owner) const;
  /// What is known elsewhere of the replica of `owner`. Absent: it was dropped, or is another stream's.
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of, HeldUpCollections held_up);
  /// Whether the replica of `owner` is complete and follows this stream.
  bool follows(std::string_view owner) const;
  /// What to remember of this stream.
  SavedPosition position() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mullion::replication
