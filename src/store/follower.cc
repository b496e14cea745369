#include "store/follower.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <utility>

#include "base/mutex.h"
#include "env/attempt.h"
#include "env/launch.h"
#include "store/internal/log.h"

namespace mullion::store {
namespace {

constexpr env::Duration kIdle = std::chrono::hours(1);
/// Commits read from the log in one go, so that a follower holds neither a view nor a thread for long.
constexpr size_t kFromLog = 256;
/// Commits handled before others have their turn on the thread.
constexpr uint64_t kTurn = 32;

std::shared_ptr<const Commit> commit_of(const LoggedCommit& logged) {
  auto out = std::make_shared<Commit>();
  out->cursor = logged.cursor;
  out->origin = logged.origin;
  out->time = logged.time;
  out->from_log = true;
  for (const LoggedCommit::LoggedChange& change : logged.changes)
    out->changes.push_back({change.id, std::nullopt, change.body});
  return out;
}

/// Whether the log, which has no layered objects and no private values, may leave something out.
bool wants_more_than_the_log(const Interest& interest) {
  if (interest.secrets || interest.everything) return true;
  for (const Interest::Rule& rule : interest.rules) {
    if (rule.owners != Interest::Owners::kOwn && rule.owners != Interest::Owners::kRemote) return true;
  }
  return false;
}

}  // namespace

struct Follower::State {
  State(Store& followed, Following given)
      : store(followed),
        following(std::move(given)),
        feed(std::make_shared<CommitFeed>(following.name, following.interest, CommitFeed::kFollower)) {
    feed->followed_ = true;
  }

  /// Calls `work` unless the follower has ended; false when it has.
  bool call(const std::function<void()>& work) {
    const Lock lock(calling);
    if (closed) return false;
    feed->busy_since_ = feed->clock_->steady().time_since_epoch().count();
    try {
      work();
    } catch (const std::exception& failure) {
      ++feed->failures_;
      kLog.error("a follower failed name={} what={}", following.name, failure.what());
    }
    feed->busy_since_ = 0;
    return true;
  }

  bool handle(const std::shared_ptr<const Commit>& commit) {
    const bool open = call([&] { following.handle(commit); });
    handled = commit->cursor.seq;
    return open;
  }

  /// Works that were to come after what is handled now. False: the follower has ended.
  bool run_works(uint64_t upto) {
    while (true) {
      std::function<void()> work;
      {
        const Lock lock(mutex);
        if (works.empty() || works.front().first > upto) return true;
        work = std::move(works.front().second);
        works.pop_front();
      }
      if (!call(work)) return false;
    }
  }

  /// What lies between `handled` and `end` (exclusive), from the log; `owes_missed` when that is not all.
  /// False: the follower has ended.
  bool read_log(uint64_t end) {
    owes_missed = owes_missed || wants_more_than_the_log(following.interest);
    bool more = true;
    while (more) {
      std::vector<std::shared_ptr<const Commit>> commits;
      const Result<void> read = store_read([&](const LoggedCommit& logged) {
        if (logged.cursor.seq < end) commits.push_back(commit_of(logged));
        return logged.cursor.seq < end && commits.size() < kFromLog;
      });
      owes_missed = owes_missed || !read;
      more = read && commits.size() == kFromLog;
      for (const auto& commit : commits) {
        if (concerns(following.interest, outline_of(*commit)) && !handle(commit)) return false;
        handled = commit->cursor.seq;
      }
    }
    handled = end - 1;
    return true;
  }

  /// False: the follower has ended. What throws is owed still.
  bool begin_anew() {
    return call([this] {
      following.missed();
      owes_missed = false;
    });
  }

  /// The store may be gone once the follower has ended.
  Result<void> store_read(const std::function<bool(const LoggedCommit&)>& visit) {
    const Lock lock(calling);
    if (closed) return Error(ErrorCode::kCancelled, "closed");
    return store.read_log({store.newest().epoch, handled}, visit);
  }

  Store& store GUARDED_BY(calling);  // only while not closed
  const Following following;
  const std::shared_ptr<CommitFeed> feed;
  std::atomic<uint64_t> handled{0};
  bool owes_missed = false;  // of the pump
  Mutex calling;             // held while the store or the handler is used
  std::atomic<bool> closed{false};
  Mutex mutex;  // guards what follows
  std::deque<std::pair<uint64_t, std::function<void()>>> works GUARDED_BY(mutex);
};

Follower::Follower(Store& store, env::Runtime& runtime, Following following)
    : state_(std::make_shared<State>(store, std::move(following))) {
  store.attach(state_->feed);
  state_->handled = state_->feed->newest();
  (void)env::launch(runtime, [state = state_] { return pump(state); });
}

Follower& Follower::operator=(Follower&& other) noexcept {
  if (this != &other) {
    stop();
    state_ = std::move(other.state_);
  }
  return *this;
}

Follower::~Follower() { stop(); }

void Follower::stop() {
  if (!state_) return;
  {
    const Lock lock(state_->calling);
    state_->closed = true;
  }
  state_->feed->signal()->notify_all();
}

uint64_t Follower::newest() const { return state_ ? state_->feed->newest() : 0; }

void Follower::in_order(std::function<void()> work) {
  if (state_) enqueue(*state_, std::move(work));
}

std::function<void(std::function<void()>)> Follower::lane() const {
  return [state = state_](std::function<void()> work) {
    if (state) enqueue(*state, std::move(work));
  };
}

void Follower::enqueue(State& state, std::function<void()> work) {
  if (state.closed) return;
  {
    const Lock lock(state.mutex);
    state.works.emplace_back(state.feed->newest(), std::move(work));
  }
  state.feed->signal()->notify_all();
}

env::Task<void> Follower::pump(std::shared_ptr<State> state) {
  uint64_t handled = 0;
  while (!state->closed) {
    const uint64_t seen = state->feed->signal()->version();
    const CommitFeed::Taken taken = state->feed->take(1);
    if (taken.commits.empty()) {
      if (!state->run_works(state->handled)) co_return;
      co_await state->feed->signal()->wait(seen, kIdle);
      continue;
    }
    const std::shared_ptr<const Commit>& commit = taken.commits.front();
    bool open = true;
    if (!taken.whole) co_await env::run_blocking([&] { open = state->read_log(commit->cursor.seq); });
    while (open && state->owes_missed) {
      open = state->begin_anew();
      if (open && state->owes_missed) co_await env::sleep_for(env::kTryAgain);
    }
    if (!open || !state->run_works(commit->cursor.seq - 1) || !state->handle(commit)) co_return;
    if (++handled % kTurn == 0) co_await boost::asio::post(boost::asio::use_awaitable);
  }
}

}  // namespace mullion::store
