// Threads for work that blocks or computes, shared fairly among those who ask for it. No coroutines here.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/latency.h"
#include "base/mutex.h"
#include "env/clock.h"

namespace mullion::env {

/// On whose account work is done. Callers of one group share its turn.
struct Caller {
  std::string name;    // "user:bob", "192.0.2.7"; empty: the server itself
  std::string group;   // what the name belongs to, "192.0.2.0/24"; empty: the name is a group of its own
  bool local = false;  // may take the places that are kept for callers on this machine
};

/// Runs jobs on threads of its own: the groups of callers take turns, and within a group whoever came first.
/// Thread-safe. The destructor drops what waits and waits for what runs.
class WorkerPool {
 public:
  struct Options {
    std::string name;
    size_t threads = 2;
    size_t running_per_group = 2;  // threads that one group may hold at the same time
    // Jobs that may wait. Only jobs that can be refused are counted against these.
    size_t places = SIZE_MAX;
    size_t places_per_caller = SIZE_MAX;
    size_t places_per_group = SIZE_MAX;
    size_t places_kept_for_local = 0;  // of `places`
    int nice = 0;                      // how far the threads stand back behind the rest of the process
  };
  /// Something to do. Destroyed without a call when it is dropped.
  class Job {
   public:
    virtual ~Job() = default;
    virtual void run() = 0;  // on a thread of the pool; must not throw
    virtual void refuse() = 0;
    virtual void cancel() = 0;
  };
  struct Ticket {
    uint64_t id = 0;  // of next_id()
    Caller caller;
    const void* owner = nullptr;  // whose end the job must not outlive
    bool refusable = true;
  };
  struct Statistics {
    std::string name;
    size_t running = 0;
    size_t waiting = 0;
    uint64_t refused = 0;
    Latency waited;  // of jobs that began
    Latency ran;     // of jobs that ended
  };

  explicit WorkerPool(Options options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  uint64_t next_id();
  /// The job waits for its turn, or is refused. When all places are taken, a group that waits with fewer jobs
  /// than another pushes out the newest job of the largest one.
  void submit(Ticket ticket, std::unique_ptr<Job> job);
  /// Cancels a job that has not begun; does nothing about others.
  void cancel(uint64_t id);
  /// Drops what waits for `owner`; what runs for it goes on.
  void drop(const void* owner);
  /// False when something still runs for `owner` after `patience`.
  bool wait_until_idle(const void* owner, Duration patience);
  Statistics statistics() const;
  const std::string& name() const { return options_.name; }

 private:
  struct Waiting {
    Ticket ticket;
    SteadyTime since;
    std::unique_ptr<Job> job;
  };
  struct Group {
    std::list<Waiting> queue;
    size_t refusable = 0;  // of the queue
    size_t running = 0;
  };
  using Groups = std::map<std::string, Group, std::less<>>;
  struct Place {
    Groups::iterator group;
    std::list<Waiting>::iterator entry;
  };

  void start_threads() REQUIRES(mutex_);
  void work();
  bool next(Waiting& out) REQUIRES(mutex_);
  void finish(const Waiting& done);
  bool find_place(const Ticket& ticket, std::unique_ptr<Job>& pushed_out) REQUIRES(mutex_);
  void enqueue(Ticket ticket, std::unique_ptr<Job> job) REQUIRES(mutex_);
  bool is_full(const Ticket& ticket) const REQUIRES(mutex_);
  bool is_within_share(const Ticket& ticket) const REQUIRES(mutex_);
  size_t waiting_of(const Group& group, const std::string& caller) const;
  std::unique_ptr<Job> push_out(const Ticket& newcomer) REQUIRES(mutex_);
  std::unique_ptr<Job> take_out(const Place& place) REQUIRES(mutex_);
  void forget_if_empty(Groups::iterator group) REQUIRES(mutex_);

  const Options options_;
  LatencyHistogram waited_, ran_;
  mutable Mutex mutex_;  // guards everything below
  ConditionVariable changed_, idle_;
  Groups groups_ GUARDED_BY(mutex_);
  /// Groups with something waiting; the front one is next.
  std::list<Groups::iterator> turns_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Place> places_ GUARDED_BY(mutex_);
  std::map<const void*, size_t> running_of_ GUARDED_BY(mutex_);
  size_t refusable_ GUARDED_BY(mutex_) = 0;  // jobs waiting that count against the places
  size_t running_ GUARDED_BY(mutex_) = 0;
  uint64_t refused_ GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mullion::env
