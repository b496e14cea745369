#include "events/event_bus.h"

#include "events/internal/event_interests.h"
#include "events/internal/log.h"
#include "events/internal/recent_commits.h"

namespace mullion::events {
namespace {

/// From here on entries that nobody waits for are swept out.
constexpr size_t kManyWatches = 1024;
/// Events without a commit that may wait for being told; bytes.
constexpr size_t kMaxWaiting = size_t{64} << 20;

std::string watch_key(std::string_view type, std::string_view key) {
  std::string out(type);
  out += '\0';
  out += key;
  return out;
}

store::Interest every_object() { return {.rules = {{"", store::Interest::Owners::kAny}}}; }

/// Whether a change is an event at all.
bool is_told(const store::AppliedChange& change, bool replicas_shown) {
  return (replicas_shown || !store::is_remote(change.id.owner)) && change.body != change.old_body;
}

std::string_view action_of(const store::Commit& commit, const store::AppliedChange& change) {
  // A preference that was never set has its default: setting it makes nothing new.
  if (change.id.type == "preferences") return "save";
  if (!change.body) return "delete";
  if (commit.from_log) return "save";  // what was there before is not known
  if (!change.old_body) return "create";
  return commit.update_action;
}

}  // namespace

EventBus::EventBus(store::Store& store, env::Runtime& runtime, Event::EndpointName endpoint,
                   const env::Clock& clock)
    : store_(store),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      interests_(std::make_shared<EventInterests>()),
      recent_(std::make_unique<RecentCommits>(RecentCommits::Limit{})),
      follower_(store, runtime,
                {"events", every_object(), [this](const auto& commit) { follow(commit); },
                 [this] {
                   kLog.warn("events were lost: too many commits at once");
                   recent_->lost();
                 }}) {
  began_ = {store.newest().epoch, follower_.newest()};  // before anybody has a turn: nothing is open yet
}

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
  auto queue = std::make_shared<EventQueue>(
      limit,
      EventSource{interests_, follower_.lane(), [this] { return place(); },
                  [this](const auto& from, const auto& wanted) { return since(from, wanted); }, clock_});
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
  last_ = commit->cursor;
  recent_->add(commit);
  const std::shared_ptr<const Tap> tap = open_tap();
  if (interests_->empty() && !tap) return;
  const bool replicas = store_.replicas_shown();
  for (size_t i = 0; i < commit->changes.size(); ++i) {
    const store::AppliedChange& change = commit->changes[i];
    if (!is_told(change, replicas)) continue;
    const auto candidates = interests_->find(change.id.type, change.id.key);
    const bool told = tap && !store::is_remote(change.id.owner);
    if (candidates.empty() && !told) continue;
    const auto event = std::make_shared<Event>(commit, i, action_of(*commit, change), endpoint_);
    if (told) tap->take(event);
    deliver(event, candidates);
  }
}

EventPlace EventBus::place() {
  // Before the first commit that is handled in a turn there is none since the beginning.
  const EventPlace now{last_ ? *last_ : began_};
  recent_->keep(now.cursor);
  return now;
}

Result<std::vector<EventPtr>> EventBus::since(const EventPlace& from, const EventSource::Wanted& wanted) {
  const bool replicas = store_.replicas_shown();
  std::vector<EventPtr> out;
  const auto visit = [&](const std::shared_ptr<const store::Commit>& commit, size_t first) {
    for (size_t i = first; i < commit->changes.size(); ++i) {
      const store::AppliedChange& change = commit->changes[i];
      const std::string_view action = action_of(*commit, change);
      if (!is_told(change, replicas) || !wanted(change.id.type, action, change.id.key)) continue;
      out.push_back(std::make_shared<Event>(commit, i, action, endpoint_));
    }
  };
  if (Result<void> known = recent_->since(from, place().cursor, visit); !known) return known.error();
  return out;
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
