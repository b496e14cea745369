// What waits for one reader of events, and what it asked for.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "env/runtime.h"
#include "events/event.h"
#include "events/event_pattern.h"

namespace mullion::events {

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

}  // namespace mullion::events
