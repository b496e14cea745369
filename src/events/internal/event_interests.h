// Who may want an event: readers filed under the words of their registrations, so that an event costs as much
// as those who want it, however many others listen.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "events/event_pattern.h"

namespace mullion::events {

class EventQueue;

/// Thread-safe.
class EventInterests {
 public:
  /// Each add() needs one remove() of the same pattern and queue.
  void add(const EventPattern& pattern, const std::shared_ptr<EventQueue>& queue);
  void remove(const EventPattern& pattern, const EventQueue* queue);
  /// Those whose registrations may match an event of `type` and `key`, each once, in no order. They still
  /// have to look at the action.
  std::vector<std::shared_ptr<EventQueue>> find(std::string_view type, std::string_view key) const;
  bool empty() const;

 private:
  struct Entry {
    const EventQueue* id;  // known even when the queue is gone
    std::weak_ptr<EventQueue> queue;
  };
  mutable Mutex mutex_;
  std::unordered_map<std::string, std::vector<Entry>> entries_ GUARDED_BY(mutex_);
};

}  // namespace mullion::events
