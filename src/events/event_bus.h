// Events: what happened, told to websockets in the order it happened (contract: events.md).
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "env/runtime.h"
#include "events/event_pattern.h"
#include "store/follower.h"
#include "store/store.h"

namespace mullion::events {

/// An event whose JSON is made when somebody is going to read it, once for all readers.
class Event {
 public:
  /// About change number `index` of `commit`. `endpoint` gives what the object shows as its owner.
  using EndpointName = std::function<std::string(std::string_view owner)>;
  Event(std::shared_ptr<const store::Commit> commit, size_t index, std::string_view action,
        EndpointName endpoint);
  /// Ready-made text.
  Event(std::string type, std::string action, std::string key, std::string json);
  /// The same for one reader alone, who may see it whatever its type.
  static std::shared_ptr<const Event> addressed(std::string type, std::string action, std::string key,
                                                std::string json);
  bool is_addressed() const { return addressed_; }

  const std::string& type() const { return type_; }
  const std::string& action() const { return action_; }
  const std::string& key() const { return key_; }
  /// Whose object it is about; kOwn for events that are no change of an object.
  std::string_view owner() const;
  /// The object after the change, or before its deletion; empty for events that are no change of an object.
  std::string_view body() const;
  /// The whole commit that a change was part of, null for other events.
  const store::Commit* commit() const { return commit_.get(); }
  bool deletes() const { return commit_ != nullptr && !commit_->changes[index_].body; }
  /// About how much memory it holds while it waits.
  size_t bytes() const;
  /// Thread-safe.
  std::shared_ptr<const std::string> json() const;

 private:
  std::string type_, action_, key_;
  std::shared_ptr<const store::Commit> commit_;
  size_t index_ = 0;
  bool addressed_ = false;
  EndpointName endpoint_;
  mutable std::once_flag made_;
  mutable std::shared_ptr<const std::string> json_;
};
using EventPtr = std::shared_ptr<const Event>;

/// What may wait for one reader, and what it may ask for.
struct EventQueueLimit {
  size_t events = 10000;
  size_t bytes = size_t{16} << 20;
  size_t registrations = 1000;
  size_t registration_bytes = 256 * 1024;  // text of all registrations together
};

class EventInterests;

/// The queue of one reader. Thread-safe. Made by EventBus::open().
class EventQueue : public std::enable_shared_from_this<EventQueue> {
 public:
  /// Runs work after the events of everything that was committed before.
  using InOrder = std::function<void(std::function<void()>)>;
  EventQueue(EventQueueLimit limit, std::shared_ptr<EventInterests> interests, InOrder in_order);
  ~EventQueue();
  /// Called once, from any thread, when the reader is so slow that the queue overflows. Set before
  /// registering.
  void on_overflow(std::function<void()> listener) {
    const Lock lock(mutex_);
    on_overflow_ = std::move(listener);
  }

  /// Adds or removes a registration and queues its acknowledgement, in the order of commits: behind the
  /// events of what was committed before the call and before those of what is committed later.
  void register_pattern(const std::string& text);
  void deregister_pattern(const std::string& text);
  void acknowledge_error(const std::string& text, const std::string& reason);
  /// Queues an event for this reader alone, behind what waits already.
  void tell(std::string_view type, std::string_view action, std::string_view key,
            std::string_view object_json);

  /// Next events, waiting for the first; empty when the queue is closed or overflowed.
  env::Task<std::vector<EventPtr>> take();
  void close();
  bool overflowed() const { return overflowed_; }

 private:
  friend class EventBus;
  struct Registered {
    std::string text;
    EventPattern pattern;
  };
  void begin(void (EventQueue::*change)(const std::string&), const std::string& text);
  void add_pattern(const std::string& text);
  void remove_pattern(const std::string& text);
  bool wants(const Event& event) const;
  /// False when this event made the queue overflow.
  bool push(EventPtr event);
  bool push_locked(EventPtr event) REQUIRES(mutex_);
  std::string obstacle_locked(const std::string& text) const REQUIRES(mutex_);
  void forget_interests(std::vector<Registered> patterns);

  const EventQueueLimit limit_;
  const std::shared_ptr<EventInterests> interests_;
  const InOrder in_order_;
  std::atomic<size_t> begun_bytes_{0};  // of changes of registrations that wait for their turn
  mutable Mutex mutex_;  // guards everything below; never held together with that of the interests
  std::vector<Registered> patterns_ GUARDED_BY(mutex_);
  size_t pattern_bytes_ GUARDED_BY(mutex_) = 0;
  std::deque<EventPtr> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  env::Signal signal_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> overflowed_{false};
  std::function<void()> on_overflow_ GUARDED_BY(mutex_);
};

/// Follows the store and hands events to queues, in the order in which things happened and after they were
/// answered; wakes those who wait for one object. Thread-safe.
class EventBus {
 public:
  EventBus(store::Store& store, env::Runtime& runtime, Event::EndpointName endpoint, const env::Clock& clock);
  ~EventBus();

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
  std::atomic<uint64_t> dropped_{0};
  std::atomic<size_t> waiting_bytes_{0};  // of published events that wait for their turn
  bool stopped_ GUARDED_BY(mutex_) = false;
  store::Follower follower_;  // ends before what it uses
};

}  // namespace mullion::events
