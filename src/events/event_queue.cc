#include "events/event_queue.h"

#include <algorithm>

#include "base/text.h"
#include "events/internal/event_interests.h"
#include "events/internal/json_text.h"
#include "events/internal/resume_command.h"

namespace mullion::events {
namespace {

/// A text that is no registration is shown so far in its refusal.
constexpr size_t kShownPattern = 500;
/// What may wait for its turn however little may be registered; bytes.
constexpr size_t kMinBegun = 4096;
/// An acknowledgement is shorter; bytes.
constexpr size_t kAcknowledgement = 1024;
/// So many words of registrations are compared with what was missed; all readers wait meanwhile.
constexpr size_t kMostCompared = 2'000'000;

EventPtr answer(env::WallTime now, std::string_view action, const std::string& key,
                std::string_view object_json) {
  return std::make_shared<Event>("websocket", std::string(action), key,
                                 event_text(now, "websocket", action, key, "system", object_json));
}

EventPtr acknowledgement(env::WallTime now, std::string_view action, const std::string& pattern,
                         std::string_view message) {
  return answer(now, action, pattern, json_text(message));
}

bool matches_any(const std::vector<Registration>& registrations, std::string_view type,
                 std::string_view action, std::string_view key) {
  return std::ranges::any_of(registrations,
                             [&](const Registration& one) { return one.pattern.matches(type, action, key); });
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

EventQueue::EventQueue(EventQueueLimit limit, EventSource source)
    : limit_(limit), source_(std::move(source)) {}

EventQueue::~EventQueue() { forget_interests(patterns_); }

void EventQueue::forget_interests(const std::vector<Registration>& patterns) {
  for (const Registration& one : patterns) source_.interests->remove(one.pattern, this);
}

/// Why so many more cannot be registered; empty when they can.
std::string EventQueue::obstacle_locked(size_t registrations, size_t bytes) const {
  if (closed_) return "The connection is closing";
  if (patterns_.size() + registrations > limit_.registrations) {
    return fmt::format("At most {} registrations per connection", limit_.registrations);
  }
  if (pattern_bytes_ + bytes > limit_.registration_bytes) {
    return fmt::format("At most {} bytes of registrations per connection", limit_.registration_bytes);
  }
  return "";
}

// One byte more than may be registered is enough to refuse it for its length, in its turn.
void EventQueue::register_pattern(const std::string& text) {
  begin(&EventQueue::add_pattern, text.substr(0, limit_.registration_bytes + 1));
}
void EventQueue::deregister_pattern(const std::string& text) {
  begin(&EventQueue::remove_pattern, text.substr(0, limit_.registration_bytes + 1));
}
void EventQueue::resume(const std::string& text) { begin(&EventQueue::resume_now, text); }
void EventQueue::tell_place() { begin(&EventQueue::tell_place_now, ""); }

void EventQueue::begin(void (EventQueue::*change)(const std::string&), std::string text) {
  const size_t bytes = text.size() + sizeof(std::string);
  if (begun_bytes_ + bytes > 2 * limit_.registration_bytes + kMinBegun)
    return acknowledge_error(text, "Too many registrations at once: wait for their acknowledgements");
  begun_bytes_ += bytes;
  source_.in_order([weak = weak_from_this(), change, bytes, text = std::move(text)] {
    const std::shared_ptr<EventQueue> queue = weak.lock();
    if (!queue) return;
    queue->begun_bytes_ -= bytes;
    (*queue.*change)(text);
  });
}

void EventQueue::add_pattern(const std::string& text) {
  Result<EventPattern> pattern = EventPattern::parse(text);
  if (!pattern) return acknowledge_error(text, pattern.error().messages.front());
  // First of all the interest: no event may fall between the acknowledgement and it.
  source_.interests->add(*pattern, shared_from_this());
  std::string obstacle;
  {
    Lock lock(mutex_);
    obstacle = obstacle_locked(1, text.size());
    if (obstacle.empty()) {
      pattern_bytes_ += text.size();
      patterns_.push_back({text, *pattern});
      push_locked(acknowledgement(source_.clock.wall(), "register", text, ""));
    }
  }
  if (!obstacle.empty()) {
    source_.interests->remove(*pattern, this);
    return acknowledge_error(text, obstacle);
  }
  signal_.notify_all();
}

void EventQueue::remove_pattern(const std::string& text) {
  std::vector<Registration> removed;
  {
    Lock lock(mutex_);
    const auto found = std::find_if(patterns_.begin(), patterns_.end(),
                                    [&text](const Registration& one) { return one.text == text; });
    if (found != patterns_.end()) {
      removed.push_back(std::move(*found));
      patterns_.erase(found);
      pattern_bytes_ -= text.size();
    }
    push_locked(acknowledgement(source_.clock.wall(), "deregister", text, ""));
  }
  forget_interests(removed);
  signal_.notify_all();
}

void EventQueue::resume_now(const std::string& text) {
  Result<ResumeCommand> command = ResumeCommand::parse(text);
  const std::string obstacle = command ? go_on(*command) : command.error().messages.front();
  if (obstacle.empty()) return signal_.notify_all();
  acknowledge_error(fmt::format("resume {}", trimmed(std::string_view(text).substr(0, text.find('\n')))),
                    obstacle);
}

std::string EventQueue::go_on(ResumeCommand& command) {
  std::string obstacle = begin_to_go_on(command);
  if (!obstacle.empty()) return obstacle;
  size_t compared = 0;
  const auto wanted = [&, words = command.words()](std::string_view type, std::string_view action,
                                                   std::string_view key) {
    compared += words;
    return compared <= kMostCompared && matches_any(command.registrations, type, action, key);
  };
  Result<std::vector<EventPtr>> missed = std::vector<EventPtr>{};
  if (command.place) missed = source_.since(*command.place, wanted);
  if (!missed) return "Cannot resume: " + missed.error().messages.front();
  if (compared > kMostCompared)
    return "Cannot resume: too much happened since then for so many registrations";
  const std::vector<Registration> registrations = command.registrations;
  for (const Registration& one : registrations) source_.interests->add(one.pattern, shared_from_this());
  obstacle = take_over(command, std::move(*missed));
  if (!obstacle.empty()) forget_interests(registrations);
  return obstacle;
}

/// Before anything is looked for, which a connection may ask for once.
std::string EventQueue::begin_to_go_on(const ResumeCommand& command) {
  const Lock lock(mutex_);
  std::string obstacle = obstacle_of(command, {});
  if (!obstacle.empty() || !command.place) return obstacle;
  if (came_back_) return "Cannot resume: a connection goes on from a Cursor once";
  came_back_ = true;
  return "";
}

std::string EventQueue::take_over(ResumeCommand& command, std::vector<EventPtr> missed) {
  const EventPlace place = source_.place();
  const Lock lock(mutex_);
  std::string obstacle = obstacle_of(command, missed);
  if (!obstacle.empty()) return obstacle;
  tells_places_ = true;
  pattern_bytes_ += command.bytes();
  patterns_ = std::move(command.registrations);
  const size_t count = missed.size();
  for (EventPtr& event : missed) push_locked(std::move(event));
  push_locked(answer(source_.clock.wall(), "resume", command.place_text,
                     fmt::format(R"({{"Cursor":"{}","Missed":{}}})", place.text(), count)));
  return "";
}

std::string EventQueue::obstacle_of(const ResumeCommand& command, const std::vector<EventPtr>& missed) const {
  if (!patterns_.empty()) return "Cannot resume: this connection has registrations already";
  size_t bytes = queued_bytes_ + kAcknowledgement;
  for (const EventPtr& event : missed) bytes += event->bytes();
  if (!missed.empty() && (queue_.size() + missed.size() >= limit_.events || bytes > limit_.bytes))
    return "Cannot resume: more was missed than may wait for one reader";
  return obstacle_locked(command.registrations.size(), command.bytes());
}

void EventQueue::tell_place_now(const std::string&) {
  push(answer(source_.clock.wall(), "cursor", "",
              fmt::format(R"({{"Cursor":"{}"}})", source_.place().text())));
}

std::string EventQueue::text_of(const Event& event) const {
  return tells_places_ ? event.json_with_place() : *event.json();
}

void EventQueue::acknowledge_error(const std::string& text, const std::string& reason) {
  push(acknowledgement(source_.clock.wall(), "error", text.substr(0, kShownPattern),
                       reason.substr(0, kShownPattern)));
}

void EventQueue::tell(std::string_view type, std::string_view action, std::string_view key,
                      std::string_view object_json) {
  push(Event::addressed(std::string(type), std::string(action), std::string(key),
                        event_text(source_.clock.wall(), type, action, key, "system", object_json)));
}

bool EventQueue::wants(const Event& event) const {
  Lock lock(mutex_);
  if (closed_) return false;
  return matches_any(patterns_, event.type(), event.action(), event.key());
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
  std::vector<Registration> removed;
  {
    Lock lock(mutex_);
    closed_ = true;
    queue_.clear();
    removed.swap(patterns_);
  }
  forget_interests(removed);
  signal_.notify_all();
}

}  // namespace mullion::events
