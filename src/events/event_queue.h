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
#include "env/clock.h"
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
struct ResumeCommand;

/// What a queue has from its bus. Functions of places are for the bus's turn alone.
struct EventSource {
  std::shared_ptr<EventInterests> interests;
  /// Runs work in the bus's turn, after the events of everything that was committed before.
  std::function<void(std::function<void()>)> in_order;
  /// Behind everything that was told.
  std::function<EventPlace()> place;
  using Wanted = std::function<bool(std::string_view type, std::string_view action, std::string_view key)>;
  /// The wanted events that were told since `place`, oldest first. kNotFound when that is not known.
  std::function<Result<std::vector<EventPtr>>(const EventPlace& place, const Wanted& wanted)> since;
  const env::Clock& clock;
};

/// The queue of one reader. Thread-safe. Made by EventBus::open().
class EventQueue : public std::enable_shared_from_this<EventQueue> {
 public:
  EventQueue(EventQueueLimit limit, EventSource source);
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
  /// All registrations of a reader that was here before, with the place that it had, as the client wrote them
  /// (docs/events.md): queues what it missed, then the acknowledgement, and goes on from there; or the reason
  /// why it cannot, and registers nothing. From then on text_of() tells places.
  void resume(const std::string& text);
  /// Queues the place of now.
  void tell_place();
  void acknowledge_error(const std::string& text, const std::string& reason);
  /// Queues an event for this reader alone, behind what waits already.
  void tell(std::string_view type, std::string_view action, std::string_view key,
            std::string_view object_json);

  /// What this reader is to be sent of an event.
  std::string text_of(const Event& event) const;
  /// Next events, waiting for the first; empty when the queue is closed or overflowed.
  env::Task<std::vector<EventPtr>> take();
  void close();
  bool overflowed() const { return overflowed_; }

 private:
  friend class EventBus;
  void begin(void (EventQueue::*change)(const std::string&), std::string text);
  void add_pattern(const std::string& text);
  void remove_pattern(const std::string& text);
  void resume_now(const std::string& text);
  void tell_place_now(const std::string& unused);
  /// Empty, or why it cannot.
  std::string go_on(ResumeCommand& command);
  std::string begin_to_go_on(const ResumeCommand& command);
  std::string take_over(ResumeCommand& command, std::vector<EventPtr> missed);
  std::string obstacle_of(const ResumeCommand& command, const std::vector<EventPtr>& missed) const
      REQUIRES(mutex_);
  bool wants(const Event& event) const;
  /// False when this event made the queue overflow.
  bool push(EventPtr event);
  bool push_locked(EventPtr event) REQUIRES(mutex_);
  std::string obstacle_locked(size_t registrations, size_t bytes) const REQUIRES(mutex_);
  void forget_interests(const std::vector<Registration>& patterns);

  const EventQueueLimit limit_;
  const EventSource source_;
  std::atomic<size_t> begun_bytes_{0};  // of changes of registrations that wait for their turn
  mutable Mutex mutex_;  // guards everything below; never held together with that of the interests
  std::vector<Registration> patterns_ GUARDED_BY(mutex_);
  size_t pattern_bytes_ GUARDED_BY(mutex_) = 0;
  bool came_back_ GUARDED_BY(mutex_) = false;  // a place was looked for
  std::deque<EventPtr> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  env::Signal signal_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> overflowed_{false};
  std::atomic<bool> tells_places_{false};
  std::function<void()> on_overflow_ GUARDED_BY(mutex_);
};

}  // namespace mullion::events
