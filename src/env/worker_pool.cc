#include "env/worker_pool.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/mutex.h"

namespace mullion::env {
namespace {

double seconds_since(SteadyTime begin) {
  return std::chrono::duration<double>(system_clock().steady() - begin).count();
}

/// The threads that serve requests come first: whoever computes for long stands back. Best effort.
void stand_back(int nice) {
  if (nice == 0) return;
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none);  // 0: this thread
  ::setpriority(PRIO_PROCESS, 0, nice);         // on Linux of this thread alone
}

const std::string& group_of(const WorkerPool::Ticket& ticket) {
  return ticket.caller.group.empty() ? ticket.caller.name : ticket.caller.group;
}

}  // namespace

WorkerPool::WorkerPool(Options options) : options_(std::move(options)) {}

WorkerPool::~WorkerPool() {
  Groups dropped;
  {
    Lock lock(mutex_);
    stopping_ = true;
    turns_.clear();
    places_.clear();
    for (auto& [name, group] : groups_) dropped[name].queue.swap(group.queue);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

uint64_t WorkerPool::next_id() {
  Lock lock(mutex_);
  return ++last_id_;
}

void WorkerPool::start_threads() {
  if (!threads_.empty()) return;
  for (size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

void WorkerPool::submit(Ticket ticket, std::unique_ptr<Job> job) {
  std::unique_ptr<Job> refused;
  {
    Lock lock(mutex_);
    if (stopping_) return;
    if (find_place(ticket, refused)) {
      enqueue(std::move(ticket), std::move(job));
    } else {
      refused = std::move(job);
    }
    if (refused) ++refused_;
  }
  changed_.notify_one();
  if (refused) refused->refuse();
}

bool WorkerPool::find_place(const Ticket& ticket, std::unique_ptr<Job>& pushed_out) {
  if (!ticket.refusable) return true;
  if (!is_within_share(ticket)) return false;
  if (!is_full(ticket)) return true;
  pushed_out = push_out(ticket);
  return pushed_out != nullptr;
}

void WorkerPool::enqueue(Ticket ticket, std::unique_ptr<Job> job) {
  start_threads();
  const uint64_t id = ticket.id;
  const Groups::iterator group = groups_.try_emplace(group_of(ticket)).first;
  Group& state = group->second;
  if (state.queue.empty()) turns_.push_back(group);
  state.refusable += ticket.refusable ? 1 : 0;
  refusable_ += ticket.refusable ? 1 : 0;
  state.queue.push_back({std::move(ticket), system_clock().steady(), std::move(job)});
  places_[id] = {group, std::prev(state.queue.end())};
}

bool WorkerPool::is_full(const Ticket& ticket) const {
  const size_t kept = ticket.caller.local ? 0 : std::min(options_.places_kept_for_local, options_.places);
  return refusable_ >= options_.places - kept;
}

bool WorkerPool::is_within_share(const Ticket& ticket) const {
  const auto group = groups_.find(group_of(ticket));
  if (group == groups_.end()) return true;
  return group->second.refusable < options_.places_per_group &&
         waiting_of(group->second, ticket.caller.name) < options_.places_per_caller;
}

size_t WorkerPool::waiting_of(const Group& group, const std::string& caller) const {
  return static_cast<size_t>(
      std::count_if(group.queue.begin(), group.queue.end(), [&caller](const Waiting& waiting) {
        return waiting.ticket.refusable && waiting.ticket.caller.name == caller;
      }));
}

/// The newest job of the largest group, when that group waits with more jobs than the newcomer's would.
std::unique_ptr<WorkerPool::Job> WorkerPool::push_out(const Ticket& newcomer) {
  if (turns_.empty()) return nullptr;
  const auto own = groups_.find(group_of(newcomer));
  const size_t waiting = own == groups_.end() ? 0 : own->second.refusable;
  const auto largest = *std::max_element(turns_.begin(), turns_.end(), [](const auto& a, const auto& b) {
    return a->second.refusable < b->second.refusable;
  });
  if (largest->second.refusable <= waiting + 1) return nullptr;
  const auto newest = std::find_if(largest->second.queue.rbegin(), largest->second.queue.rend(),
                                   [](const Waiting& candidate) { return candidate.ticket.refusable; });
  return take_out({largest, std::prev(newest.base())});
}

std::unique_ptr<WorkerPool::Job> WorkerPool::take_out(const Place& place) {
  Group& group = place.group->second;
  std::unique_ptr<Job> job = std::move(place.entry->job);
  places_.erase(place.entry->ticket.id);
  if (place.entry->ticket.refusable) {
    --group.refusable;
    --refusable_;
  }
  const auto found = std::find(turns_.begin(), turns_.end(), place.group);
  group.queue.erase(place.entry);
  if (group.queue.empty() && found != turns_.end()) turns_.erase(found);
  forget_if_empty(place.group);
  return job;
}

void WorkerPool::forget_if_empty(Groups::iterator group) {
  if (group->second.queue.empty() && group->second.running == 0) groups_.erase(group);
}

void WorkerPool::cancel(uint64_t id) {
  std::unique_ptr<Job> job;
  {
    Lock lock(mutex_);
    const auto found = places_.find(id);
    if (found == places_.end()) return;
    job = take_out(Place(found->second));
  }
  job->cancel();
}

void WorkerPool::drop(const void* owner) {
  std::vector<std::unique_ptr<Job>> dropped;  // destroyed without the lock: a destructor may come back here
  Lock lock(mutex_);
  std::vector<Place> places;
  for (const auto& [id, place] : places_) {
    if (place.entry->ticket.owner == owner) places.push_back(place);
  }
  dropped.reserve(places.size());
  for (const Place& place : places) dropped.push_back(take_out(place));
}

bool WorkerPool::wait_until_idle(const void* owner, Duration patience) {
  Lock lock(mutex_);
  return idle_.wait_for(lock, patience,
                        [this, owner]() REQUIRES(mutex_) { return !running_of_.contains(owner); });
}

/// The job whose turn it is.
bool WorkerPool::next(Waiting& out) {
  const auto turn = std::find_if(turns_.begin(), turns_.end(), [this](const auto& group) {
    return group->second.running < options_.running_per_group;
  });
  if (turn == turns_.end()) return false;
  const Groups::iterator group = *turn;
  turns_.erase(turn);
  out = std::move(group->second.queue.front());
  places_.erase(out.ticket.id);
  group->second.queue.pop_front();
  if (out.ticket.refusable) {
    --group->second.refusable;
    --refusable_;
  }
  if (!group->second.queue.empty()) turns_.push_back(group);
  ++group->second.running;
  ++running_;
  ++running_of_[out.ticket.owner];
  return true;
}

void WorkerPool::finish(const Waiting& done) {
  Lock lock(mutex_);
  const Groups::iterator group = groups_.find(group_of(done.ticket));
  --group->second.running;
  forget_if_empty(group);
  --running_;
  const auto owned = running_of_.find(done.ticket.owner);
  if (--owned->second == 0) running_of_.erase(owned);
  changed_.notify_all();  // this group may go on where another thread waits
  idle_.notify_all();
}

void WorkerPool::work() {
  stand_back(options_.nice);
  while (true) {
    Waiting job;
    {
      Lock lock(mutex_);
      changed_.wait(lock, [this, &job]() REQUIRES(mutex_) { return stopping_ || next(job); });
      if (!job.job) return;
    }
    waited_.record(seconds_since(job.since), false);
    const SteadyTime begun = system_clock().steady();
    job.job->run();
    job.job.reset();  // what it holds may belong to whoever waits until nothing runs
    ran_.record(seconds_since(begun), false);
    finish(job);
  }
}

WorkerPool::Statistics WorkerPool::statistics() const {
  Statistics out;
  out.name = options_.name;
  out.waited = waited_.read();
  out.ran = ran_.read();
  Lock lock(mutex_);
  out.running = running_;
  out.waiting = places_.size();
  out.refused = refused_;
  return out;
}

}  // namespace mullion::env
