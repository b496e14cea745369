#include "events/event_queue.h"

#include <algorithm>

#include "events/internal/event_interests.h"
#include "events/internal/json_text.h"

namespace mullion::events {
namespace {

/// A text that is no registration is shown so far in its refusal.
constexpr size_t kShownPattern = 500;
/// What may wait for its turn however little may be registered; bytes.
constexpr size_t kMinBegun = 4096;

EventPtr acknowledgement(std::string_view action, const std::string& pattern, std::string_view message) {
  return std::make_shared<Event>(
      "websocket", std::string(action), pattern,
      event_text(env::system_clock().wall(), "websocket", action, pattern, "system", json_text(message)));
}

}  // namespace

bool EventQueue::push_locked(EventPtr event) {
  if (closed_) return true;
  const size_t bytes = event->bytes();
  const bool full = queue_.size() >= limit_.events || queued_bytes_ + bytes > limit_.bytes;
  if (full && !queue_.empty()) {  // one event alone may always wait, however large
    overflowed_ = true;
    closed_ = true;
    queue_.clear();
    if (on_overflow_) on_overflow_();
    return false;
  }
  queued_bytes_ += bytes;
  queue_.push_back(std::move(event));
  return true;
}

bool EventQueue::push(EventPtr event) {
  bool taken = false;
  {
    Lock lock(mutex_);
    taken = push_locked(std::move(event));
  }
  signal_.notify_all();
  return taken;
}

EventQueue::EventQueue(EventQueueLimit limit, std::shared_ptr<EventInterests> interests, InOrder in_order)
    : limit_(limit), interests_(std::move(interests)), in_order_(std::move(in_order)) {}

EventQueue::~EventQueue() { forget_interests(std::move(patterns_)); }

void EventQueue::forget_interests(std::vector<Registered> patterns) {
  for (const Registered& one : patterns) interests_->remove(one.pattern, this);
}

/// Why `text` cannot be registered too; empty when it can.
std::string EventQueue::obstacle_locked(const std::string& text) const {
  if (closed_) return "The connection is closing";
  if (patterns_.size() >= limit_.registrations) {
    return fmt::format("At most {} registrations per connection", limit_.registrations);
  }
  if (pattern_bytes_ + text.size() > limit_.registration_bytes) {
    return fmt::format("At most {} bytes of registrations per connection", limit_.registration_bytes);
  }
  return "";
}

void EventQueue::register_pattern(const std::string& text) { begin(&EventQueue::add_pattern, text); }
void EventQueue::deregister_pattern(const std::string& text) { begin(&EventQueue::remove_pattern, text); }

void EventQueue::begin(void (EventQueue::*change)(const std::string&), const std::string& text) {
  // One byte more than may be registered is enough to refuse it for its length, in its turn.
  std::string kept = text.substr(0, limit_.registration_bytes + 1);
  const size_t bytes = kept.size() + sizeof(std::string);
  if (begun_bytes_ + bytes > 2 * limit_.registration_bytes + kMinBegun)
    return acknowledge_error(text, "Too many registrations at once: wait for their acknowledgements");
  begun_bytes_ += bytes;
  in_order_([weak = weak_from_this(), change, bytes, kept = std::move(kept)] {
    const std::shared_ptr<EventQueue> queue = weak.lock();
    if (!queue) return;
    queue->begun_bytes_ -= bytes;
    (*queue.*change)(kept);
  });
}

void EventQueue::add_pattern(const std::string& text) {
  Result<EventPattern> pattern = EventPattern::parse(text);
  if (!pattern) return acknowledge_error(text, pattern.error().messages.front());
  // First of all the interest: no event may fall between the acknowledgement and it.
  interests_->add(*pattern, shared_from_this());
  std::string obstacle;
  {
    Lock lock(mutex_);
    obstacle = obstacle_locked(text);
    if (obstacle.empty()) {
      pattern_bytes_ += text.size();
      patterns_.push_back({text, *pattern});
      push_locked(acknowledgement("register", text, ""));
    }
  }
  if (!obstacle.empty()) {
    interests_->remove(*pattern, this);
    return acknowledge_error(text, obstacle);
  }
  signal_.notify_all();
}

void EventQueue::remove_pattern(const std::string& text) {
  std::vector<Registered> removed;
  {
    Lock lock(mutex_);
    const auto found = std::find_if(patterns_.begin(), patterns_.end(),
                                    [&text](const Registered& one) { return one.text == text; });
    if (found != patterns_.end()) {
      removed.push_back(std::move(*found));
      patterns_.erase(found);
      pattern_bytes_ -= text.size();
    }
    push_locked(acknowledgement("deregister", text, ""));
  }
  forget_interests(std::move(removed));
  signal_.notify_all();
}

void EventQueue::acknowledge_error(const std::string& text, const std::string& reason) {
  push(acknowledgement("error", text.substr(0, kShownPattern), reason.substr(0, kShownPattern)));
}

void EventQueue::tell(std::string_view type, std::string_view action, std::string_view key,
                      std::string_view object_json) {
  push(Event::addressed(std::string(type), std::string(action), std::string(key),
                        event_text(env::system_clock().wall(), type, action, key, "system", object_json)));
}

bool EventQueue::wants(const Event& event) const {
  Lock lock(mutex_);
  if (closed_) return false;
  return std::ranges::any_of(patterns_, [&](const Registered& one) {
    return one.pattern.matches(event.type(), event.action(), event.key());
  });
}

env::Task<std::vector<EventPtr>> EventQueue::take() {
  while (true) {
    const uint64_t seen = signal_.version();
    {
      Lock lock(mutex_);
      if (closed_) co_return std::vector<EventPtr>{};
      if (!queue_.empty()) {
        std::vector<EventPtr> events(queue_.begin(), queue_.end());
        queue_.clear();
        queued_bytes_ = 0;
        co_return events;
      }
    }
    co_await signal_.wait(seen, std::chrono::minutes(5));
  }
}

void EventQueue::close() {
  std::vector<Registered> removed;
  {
    Lock lock(mutex_);
    closed_ = true;
    queue_.clear();
    removed.swap(patterns_);
  }
  forget_interests(std::move(removed));
  signal_.notify_all();
}

}  // namespace mullion::events
