#include "api/events.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "model/object.h"

namespace mullion::api {
namespace {

/// From here on entries that nobody waits for are swept out.
constexpr size_t kManyWatches = 1024;

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

std::string_view action_of(const store::Commit& commit, const store::AppliedChange& change) {
  // A preference that was never set has its default: setting it makes nothing new.
  if (change.id.type == "preferences") return "save";
  if (!change.body) return "delete";
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
    std::lock_guard lock(mutex_);
    taken = push_locked(std::move(event));
  }
  signal_.notify_all();
  return taken;
}

void EventQueue::register_pattern(const std::string& text, size_t most) {
  Result<EventPattern> pattern = EventPattern::parse(text);
  if (!pattern) return acknowledge_error(text, pattern.error().messages.front());
  {
    std::lock_guard lock(mutex_);
    if (patterns_.size() >= most) {
      push_locked(acknowledgement("error", text, "Too many registrations"));
    } else {
      patterns_.emplace_back(text, std::move(*pattern));
      push_locked(acknowledgement("register", text, ""));
    }
  }
  signal_.notify_all();
}

void EventQueue::deregister_pattern(const std::string& text) {
  {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(patterns_.begin(), patterns_.end(),
                                    [&text](const auto& pattern) { return pattern.first == text; });
    if (found != patterns_.end()) patterns_.erase(found);
    push_locked(acknowledgement("deregister", text, ""));
  }
  signal_.notify_all();
}

void EventQueue::acknowledge_error(const std::string& text, const std::string& reason) {
  push(acknowledgement("error", text, reason));
}

bool EventQueue::wants(std::string_view type, std::string_view action, std::string_view key) const {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const auto& pattern) { return pattern.second.matches(type, action, key); });
}

env::Task<std::vector<EventPtr>> EventQueue::take() {
  while (true) {
    const uint64_t seen = signal_.version();
    {
      std::lock_guard lock(mutex_);
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
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    queue_.clear();
  }
  signal_.notify_all();
}

EventBus::EventBus(store::Store& store, Event::EndpointName endpoint, const env::Clock& clock)
    : store_(store), endpoint_(std::move(endpoint)), clock_(clock) {
  subscription_ =
      store_.subscribe([this](const std::shared_ptr<const store::Commit>& commit) { follow(commit); });
}

EventBus::~EventBus() { stop(); }

void EventBus::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  store_.unsubscribe(subscription_);
  for (const std::shared_ptr<EventQueue>& queue : live_queues()) queue->close();
  std::lock_guard lock(mutex_);
  for (auto& [key, watch] : watches_) {
    if (const std::shared_ptr<env::Signal> signal = watch.lock()) signal->notify_all();
  }
}

std::shared_ptr<EventQueue> EventBus::open(EventQueueLimit limit) {
  auto queue = std::make_shared<EventQueue>(limit);
  std::lock_guard lock(mutex_);
  queues_.push_back(queue);
  return queue;
}

std::vector<std::shared_ptr<EventQueue>> EventBus::live_queues() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<EventQueue>> live;
  std::erase_if(queues_, [&live](const std::weak_ptr<EventQueue>& weak) {
    std::shared_ptr<EventQueue> queue = weak.lock();
    if (!queue) return true;
    live.push_back(std::move(queue));
    return false;
  });
  return live;
}

size_t EventBus::readers() const { return live_queues().size(); }

std::shared_ptr<env::Signal> EventBus::watch(std::string_view type, std::string_view key) {
  std::lock_guard lock(mutex_);
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
    std::lock_guard lock(mutex_);
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

void EventBus::follow(const std::shared_ptr<const store::Commit>& commit) {
  wake(*commit);
  const std::vector<std::shared_ptr<EventQueue>> queues = live_queues();
  if (queues.empty()) return;
  const bool replicas = store_.replicas_shown();
  for (size_t i = 0; i < commit->changes.size(); ++i) {
    const store::AppliedChange& change = commit->changes[i];
    if (!replicas && store::is_remote(change.id.owner)) continue;
    if (change.body == change.old_body) continue;
    const std::string_view action = action_of(*commit, change);
    EventPtr event;
    for (const std::shared_ptr<EventQueue>& queue : queues) {
      if (!queue->wants(change.id.type, action, change.id.key)) continue;
      if (!event) event = std::make_shared<Event>(commit, i, action, endpoint_);
      if (!queue->push(event)) ++dropped_;
    }
  }
}

void EventBus::publish(std::string_view type, std::string_view action, std::string_view key,
                       std::string_view principal, std::string_view object_json) {
  publish_text(std::string(type), std::string(action), std::string(key),
               event_text(clock_.wall(), type, action, key, principal, object_json));
}

void EventBus::publish_text(std::string type, std::string action, std::string key, std::string json) {
  EventPtr event;
  for (const std::shared_ptr<EventQueue>& queue : live_queues()) {
    if (!queue->wants(type, action, key)) continue;
    if (!event) event = std::make_shared<Event>(type, action, key, json);
    if (!queue->push(event)) ++dropped_;
  }
}

}  // namespace mullion::api
