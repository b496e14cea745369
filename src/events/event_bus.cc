#include "events/event_bus.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "base/mutex.h"
#include "events/internal/event_interests.h"
#include "events/internal/log.h"
#include "model/object.h"

namespace mullion::events {
namespace {

/// From here on entries that nobody waits for are swept out.
constexpr size_t kManyWatches = 1024;
/// A text that is no registration is shown so far in its refusal.
constexpr size_t kShownPattern = 500;
/// What may wait for its turn however little may be registered; bytes.
constexpr size_t kMinBegun = 4096;
/// Events without a commit that may wait for being told; bytes.
constexpr size_t kMaxWaiting = size_t{64} << 20;

std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text));
}

void append_object(std::string& out, const std::optional<std::string>& body, std::string_view endpoint) {
  if (!body) {
    out += "null";
    return;
  }
  model::append_with_endpoint(out, *body, endpoint);
}

std::string event_text(env::WallTime time, std::string_view type, std::string_view action,
                       std::string_view key, std::string_view principal, std::string_view object_json) {
  return fmt::format(
      R"({{"Time":"{}","Type":{},"Action":{},"Key":{},"Principal":{},"Object":{},"Original":null}})",
      env::format_rfc3339(time), json_text(type), json_text(action), json_text(key), json_text(principal),
      object_json);
}

EventPtr acknowledgement(std::string_view action, const std::string& pattern, std::string_view message) {
  return std::make_shared<Event>(
      "websocket", std::string(action), pattern,
      event_text(env::system_clock().wall(), "websocket", action, pattern, "system", json_text(message)));
}

std::string watch_key(std::string_view type, std::string_view key) {
  std::string out(type);
  out += '\0';
  out += key;
  return out;
}

store::Interest every_object() { return {.rules = {{"", store::Interest::Owners::kAny}}}; }

std::string_view action_of(const store::Commit& commit, const store::AppliedChange& change) {
  // A preference that was never set has its default: setting it makes nothing new.
  if (change.id.type == "preferences") return "save";
  if (!change.body) return "delete";
  if (commit.from_log) return "save";  // what was there before is not known
  if (!change.old_body) return "create";
  return commit.update_action;
}

}  // namespace

Event::Event(std::shared_ptr<const store::Commit> commit, size_t index, std::string_view action,
             EndpointName endpoint)
    : type_(commit->changes[index].id.type),
      action_(action),
      key_(commit->changes[index].id.key),
      commit_(std::move(commit)),
      index_(index),
      endpoint_(std::move(endpoint)) {}

Event::Event(std::string type, std::string action, std::string key, std::string json)
    : type_(std::move(type)),
      action_(std::move(action)),
      key_(std::move(key)),
      json_(std::make_shared<const std::string>(std::move(json))) {}

std::shared_ptr<const Event> Event::addressed(std::string type, std::string action, std::string key,
                                              std::string json) {
  auto event = std::make_shared<Event>(std::move(type), std::move(action), std::move(key), std::move(json));
  event->addressed_ = true;
  return event;
}

std::string_view Event::owner() const {
  return commit_ == nullptr ? store::kOwn : std::string_view(commit_->changes[index_].id.owner);
}

std::string_view Event::body() const {
  if (!commit_) return {};
  const store::AppliedChange& change = commit_->changes[index_];
  if (change.body) return *change.body;
  return change.old_body ? std::string_view(*change.old_body) : std::string_view();
}

size_t Event::bytes() const {
  constexpr size_t kFrame = 256;
  if (!commit_) return kFrame + json_->size();
  const store::AppliedChange& change = commit_->changes[index_];
  return kFrame + (change.body ? change.body->size() : 0) + (change.old_body ? change.old_body->size() : 0);
}

std::shared_ptr<const std::string> Event::json() const {
  if (!commit_) return json_;
  std::call_once(made_, [this] {
    const store::AppliedChange& change = commit_->changes[index_];
    const std::string endpoint = endpoint_(change.id.owner);
    std::string text = fmt::format(R"({{"Time":"{}","Type":{},"Action":{},"Key":{},"Principal":{},"Object":)",
                                   env::format_rfc3339(commit_->time), json_text(type_), json_text(action_),
                                   json_text(key_), json_text(commit_->principal));
    append_object(text, change.body ? change.body : change.old_body, endpoint);
    text += R"(,"Original":)";
    append_object(text, change.body ? change.old_body : std::nullopt, endpoint);
    text += '}';
    json_ = std::make_shared<const std::string>(std::move(text));
  });
  return json_;
}

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

EventBus::EventBus(store::Store& store, env::Runtime& runtime, Event::EndpointName endpoint,
                   const env::Clock& clock)
    : store_(store),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      interests_(std::make_shared<EventInterests>()),
      follower_(store, runtime,
                {"events", every_object(), [this](const auto& commit) { follow(commit); },
                 [] { kLog.warn("events were lost: too many commits at once"); }}) {}

EventBus::~EventBus() { stop(); }

void EventBus::stop() {
  {
    Lock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  follower_.stop();
  for (const std::shared_ptr<EventQueue>& queue : live_queues()) queue->close();
  Lock lock(mutex_);
  for (auto& [key, watch] : watches_) {
    if (const std::shared_ptr<env::Signal> signal = watch.lock()) signal->notify_all();
  }
}

void EventBus::tap(std::function<bool()> wanted, std::function<void(const EventPtr&)> take) {
  auto tap = std::make_shared<const Tap>(Tap{std::move(wanted), std::move(take)});
  const Lock lock(mutex_);
  tap_ = std::move(tap);
}

std::shared_ptr<const EventBus::Tap> EventBus::open_tap() const {
  Lock lock(mutex_);
  std::shared_ptr<const Tap> tap = tap_;
  lock.unlock();
  return tap && tap->wanted() ? tap : nullptr;
}

std::shared_ptr<EventQueue> EventBus::open(EventQueueLimit limit) {
  auto queue = std::make_shared<EventQueue>(limit, interests_, follower_.lane());
  Lock lock(mutex_);
  if (queues_.size() >= sweep_at_) {
    std::erase_if(queues_, [](const std::weak_ptr<EventQueue>& weak) { return weak.expired(); });
    sweep_at_ = queues_.size() * 2 + 64;
  }
  queues_.push_back(queue);
  return queue;
}

std::vector<std::shared_ptr<EventQueue>> EventBus::live_queues() const {
  Lock lock(mutex_);
  std::vector<std::shared_ptr<EventQueue>> live;
  std::erase_if(queues_, [&live](const std::weak_ptr<EventQueue>& weak) {
    std::shared_ptr<EventQueue> queue = weak.lock();
    if (!queue) return true;
    live.push_back(std::move(queue));
    return false;
  });
  return live;
}

/// Also such as are about to register.
bool EventBus::has_readers() const {
  const Lock lock(mutex_);
  return !queues_.empty();
}

size_t EventBus::readers() const { return live_queues().size(); }

bool EventBus::wanted(std::string_view type, std::string_view key) const {
  return !interests_->find(type, key).empty();
}

std::shared_ptr<env::Signal> EventBus::watch(std::string_view type, std::string_view key) {
  Lock lock(mutex_);
  if (watches_.size() > kManyWatches)
    std::erase_if(watches_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<env::Signal>& entry = watches_[watch_key(type, key)];
  std::shared_ptr<env::Signal> signal = entry.lock();
  if (!signal) {
    signal = std::make_shared<env::Signal>();
    entry = signal;
  }
  return signal;
}

void EventBus::wake(const store::Commit& commit) {
  std::vector<std::shared_ptr<env::Signal>> signals;
  {
    Lock lock(mutex_);
    if (watches_.empty()) return;
    for (const store::AppliedChange& change : commit.changes) {
      const auto found = watches_.find(watch_key(change.id.type, change.id.key));
      if (found == watches_.end()) continue;
      if (std::shared_ptr<env::Signal> signal = found->second.lock()) {
        signals.push_back(std::move(signal));
      } else {
        watches_.erase(found);
      }
    }
  }
  for (const std::shared_ptr<env::Signal>& signal : signals) signal->notify_all();
}

void EventBus::deliver(const EventPtr& event, const std::vector<std::shared_ptr<EventQueue>>& candidates) {
  for (const std::shared_ptr<EventQueue>& queue : candidates) {
    if (!queue->wants(*event)) continue;
    if (!queue->push(event)) ++dropped_;
  }
}

void EventBus::follow(const std::shared_ptr<const store::Commit>& commit) {
  wake(*commit);
  const std::shared_ptr<const Tap> tap = open_tap();
  if (interests_->empty() && !tap) return;
  const bool replicas = store_.replicas_shown();
  for (size_t i = 0; i < commit->changes.size(); ++i) {
    const store::AppliedChange& change = commit->changes[i];
    if (!replicas && store::is_remote(change.id.owner)) continue;
    if (change.body == change.old_body) continue;
    const auto candidates = interests_->find(change.id.type, change.id.key);
    const bool told = tap && !store::is_remote(change.id.owner);
    if (candidates.empty() && !told) continue;
    const auto event = std::make_shared<Event>(commit, i, action_of(*commit, change), endpoint_);
    if (told) tap->take(event);
    deliver(event, candidates);
  }
}

void EventBus::publish(std::string_view type, std::string_view action, std::string_view key,
                       std::string_view principal, std::string_view object_json) {
  publish_text(std::string(type), std::string(action), std::string(key),
               event_text(clock_.wall(), type, action, key, principal, object_json));
}

void EventBus::publish_text(std::string type, std::string action, std::string key, std::string json) {
  if (!has_readers() && !open_tap()) return;
  const auto event =
      std::make_shared<Event>(std::move(type), std::move(action), std::move(key), std::move(json));
  const size_t bytes = event->bytes();
  if (waiting_bytes_ + bytes > kMaxWaiting) {
    ++dropped_;
    return;
  }
  waiting_bytes_ += bytes;
  // In the order in which things happened: commits may still wait for being told.
  follower_.in_order([this, event, bytes] {
    waiting_bytes_ -= bytes;
    if (const std::shared_ptr<const Tap> tap = open_tap()) tap->take(event);
    deliver(event, interests_->find(event->type(), event->key()));
  });
}

}  // namespace mullion::events
