// Events: what happened, told to websockets in the order it happened (contract: events.md).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "events/event_queue.h"
#include "store/follower.h"
#include "store/store.h"

namespace mullion::events {

class RecentCommits;

/// Follows the store and hands events to queues, in the order in which things happened and after they were
/// answered; wakes those who wait for one object. Thread-safe.
class EventBus {
 public:
  /// The newest commits are kept for those who resume (EventQueue::resume()), from the first of them on.
  EventBus(store::Store& store, env::Runtime& runtime, Event::EndpointName endpoint, const env::Clock& clock);
  ~EventBus();

  /// By the clock that its events bear.
  env::WallTime now() const { return clock_.wall(); }

  std::shared_ptr<EventQueue> open(EventQueueLimit limit);
  /// An event that is not a change of the store. `object_json` is its Object. With too many waiting it is
  /// dropped, and counted.
  void publish(std::string_view type, std::string_view action, std::string_view key,
               std::string_view principal, std::string_view object_json);
  /// Ready-made event text, as posted by a client.
  void publish_text(std::string type, std::string action, std::string key, std::string json);

  /// Hands every event that is not about a remote object to `take` while `wanted` says so. Both run in the
  /// bus's turn: they must be short.
  void tap(std::function<bool()> wanted, std::function<void(const EventPtr&)> take);

  /// A signal that fires after every change of (type, key), whoever owns it.
  std::shared_ptr<env::Signal> watch(std::string_view type, std::string_view key);

  /// Whether some reader may want an event of this type and key.
  bool wanted(std::string_view type, std::string_view key) const;
  size_t readers() const;
  uint64_t dropped() const { return dropped_; }
  void stop();

 private:
  void follow(const std::shared_ptr<const store::Commit>& commit);
  EventPlace place();
  Result<std::vector<EventPtr>> since(const EventPlace& place, const EventSource::Wanted& wanted);
  void wake(const store::Commit& commit);
  void deliver(const EventPtr& event, const std::vector<std::shared_ptr<EventQueue>>& candidates);
  std::vector<std::shared_ptr<EventQueue>> live_queues() const;
  bool has_readers() const;

  store::Store& store_;
  Event::EndpointName endpoint_;
  const env::Clock& clock_;
  const std::shared_ptr<EventInterests> interests_;
  struct Tap {
    std::function<bool()> wanted;
    std::function<void(const EventPtr&)> take;
  };
  /// Null while nobody wants it.
  std::shared_ptr<const Tap> open_tap() const;

  mutable Mutex mutex_;
  std::shared_ptr<const Tap> tap_ GUARDED_BY(mutex_);
  mutable std::vector<std::weak_ptr<EventQueue>> queues_ GUARDED_BY(mutex_);
  size_t sweep_at_ GUARDED_BY(mutex_) = 64;  // number of queues at which dead ones are swept out
  std::unordered_map<std::string, std::weak_ptr<env::Signal>> watches_ GUARDED_BY(mutex_);
  const std::unique_ptr<RecentCommits> recent_;  // of the bus's turn
  std::optional<store::Cursor> last_;            // of the bus's turn: of the last commit that was told
  store::Cursor began_;                          // everything up to it was committed before the bus was made
  std::atomic<uint64_t> dropped_{0};
  std::atomic<size_t> waiting_bytes_{0};  // of published events that wait for their turn
  bool stopped_ GUARDED_BY(mutex_) = false;
  store::Follower follower_;  // ends before what it uses
};

}  // namespace mullion::events
