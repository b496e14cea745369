#include "env/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>

#include "base/mutex.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

/// What became of the jobs of a test, in the order in which it happened.
class Record {
 public:
  void note(std::string what) {
    Lock lock(mutex_);
    happened_.push_back(std::move(what));
    changed_.notify_all();
  }
  /// What happened, once that is at least `count` things.
  std::vector<std::string> wait_for(size_t count) {
    Lock lock(mutex_);
    if (!changed_.wait_for(lock, 20s, [&]() REQUIRES(mutex_) { return happened_.size() >= count; }))
      ADD_FAILURE() << "too few";
    return happened_;
  }
  size_t count(const std::string& what) {
    Lock lock(mutex_);
    return static_cast<size_t>(std::count(happened_.begin(), happened_.end(), what));
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<std::string> happened_ GUARDED_BY(mutex_);
};

/// Opened once; jobs that wait for it hold their threads.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void pass() { opened_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
};

class NotingJob final : public WorkerPool::Job {
 public:
  NotingJob(Record& record, std::string name, Gate* gate = nullptr)
      : record_(record), name_(std::move(name)), gate_(gate) {}
  ~NotingJob() override {
    if (!ended_) record_.note("dropped " + name_);
  }
  void run() override {
    end("begun ");
    if (gate_ != nullptr) gate_->pass();
  }
  void refuse() override { end("refused "); }
  void cancel() override { end("cancelled "); }

 private:
  void end(const std::string& how) {
    EXPECT_FALSE(ended_);
    ended_ = true;
    record_.note(how + name_);
  }

  Record& record_;
  std::string name_;
  Gate* gate_;
  bool ended_ = false;
};

class Submitting : public ::testing::Test {
 protected:
  uint64_t submit(WorkerPool& pool, Caller caller, std::string name, Gate* gate = nullptr,
                  const void* owner = nullptr) {
    WorkerPool::Ticket ticket;
    ticket.id = pool.next_id();
    ticket.caller = std::move(caller);
    ticket.owner = owner;
    const uint64_t id = ticket.id;
    pool.submit(std::move(ticket), std::make_unique<NotingJob>(record_, std::move(name), gate));
    return id;
  }
  /// Holds the only thread of `pool` until the gate opens.
  void hold(WorkerPool& pool, const void* owner = nullptr) {
    submit(pool, {"holder"}, "holder", &gate_, owner);
    record_.wait_for(1);
  }
  static WorkerPool::Options one_thread() { return {.name = "test", .threads = 1, .running_per_group = 1}; }

  Record record_;
  Gate gate_;
};

using WorkerPoolTurns = Submitting;
using WorkerPoolPlaces = Submitting;
using WorkerPoolEnds = Submitting;

TEST_F(WorkerPoolTurns, GoRoundTheGroupsOfCallers) {
  WorkerPool pool(one_thread());
  hold(pool);
  for (const char* name : {"a1", "a2", "a3"}) submit(pool, {"a"}, name);
  submit(pool, {"b1", "b"}, "b1");
  submit(pool, {"b2", "b"}, "b2");
  gate_.open();
  const std::vector<std::string> expected{"begun holder", "begun a1", "begun b1",
                                          "begun a2",     "begun b2", "begun a3"};
  EXPECT_EQ(record_.wait_for(6), expected);
}

TEST_F(WorkerPoolTurns, LeaveAThreadToOthersWhateverOneGroupSubmits) {
  WorkerPool pool({.name = "test", .threads = 2, .running_per_group = 1});
  for (int i = 0; i < 10; ++i) submit(pool, {"flood"}, "flood", &gate_);
  record_.wait_for(1);
  submit(pool, {"other"}, "other");
  record_.wait_for(2);
  EXPECT_EQ(record_.count("begun other"), 1u);
  EXPECT_EQ(record_.count("begun flood"), 1u);
  gate_.open();
  record_.wait_for(11);
}

TEST_F(WorkerPoolPlaces, OfOneCallerAndOneGroupEnd) {
  WorkerPool::Options options = one_thread();
  options.places_per_caller = 2;
  options.places_per_group = 3;
  WorkerPool pool(options);
  hold(pool);
  for (int i = 0; i < 3; ++i) submit(pool, {"a", "net"}, "a");
  for (int i = 0; i < 2; ++i) submit(pool, {"b", "net"}, "b");
  submit(pool, {"c", "elsewhere"}, "c");
  EXPECT_EQ(record_.count("refused a"), 1u);
  EXPECT_EQ(record_.count("refused b"), 1u);
  EXPECT_EQ(record_.count("refused c"), 0u);
  EXPECT_EQ(pool.statistics().refused, 2u);
  EXPECT_EQ(pool.statistics().waiting, 4u);
  gate_.open();
  record_.wait_for(7);
}

TEST_F(WorkerPoolPlaces, AreTakenFromTheLargestGroupForASmallerOne) {
  WorkerPool::Options options = one_thread();
  options.places = 3;
  WorkerPool pool(options);
  hold(pool);
  for (const char* name : {"a1", "a2", "a3", "a4"}) submit(pool, {"a"}, name);
  submit(pool, {"b"}, "b1");
  submit(pool, {"b"}, "b2");
  const std::vector<std::string> expected{"begun holder", "refused a4", "refused a3", "refused b2"};
  EXPECT_EQ(record_.wait_for(4), expected);
  gate_.open();
  record_.wait_for(7);
}

TEST_F(WorkerPoolPlaces, AreKeptForThisMachine) {
  WorkerPool::Options options = one_thread();
  options.places = 2;
  options.places_kept_for_local = 1;
  WorkerPool pool(options);
  hold(pool);
  submit(pool, {"a"}, "a");
  submit(pool, {"b"}, "b");
  submit(pool, {"here", "", true}, "here");
  EXPECT_EQ(record_.count("refused b"), 1u);
  EXPECT_EQ(record_.count("refused here"), 0u);
  gate_.open();
  record_.wait_for(4);
  EXPECT_EQ(record_.count("begun here"), 1u);
}

TEST_F(WorkerPoolPlaces, AreNotNeededByWhatCannotBeRefused) {
  WorkerPool::Options options = one_thread();
  options.places = 0;
  WorkerPool pool(options);
  WorkerPool::Ticket ticket;
  ticket.id = pool.next_id();
  ticket.refusable = false;
  pool.submit(std::move(ticket), std::make_unique<NotingJob>(record_, "own"));
  record_.wait_for(1);
  submit(pool, {"a"}, "a");
  EXPECT_EQ(record_.wait_for(2), (std::vector<std::string>{"begun own", "refused a"}));
}

TEST_F(WorkerPoolEnds, ACancelledJobThatHasNotBegunNeverDoes) {
  WorkerPool pool(one_thread());
  hold(pool);
  const uint64_t first = submit(pool, {"a"}, "a1");
  submit(pool, {"a"}, "a2");
  pool.cancel(first);
  pool.cancel(first);
  EXPECT_EQ(record_.count("cancelled a1"), 1u);
  gate_.open();
  EXPECT_EQ(record_.wait_for(3).back(), "begun a2");
}

TEST_F(WorkerPoolEnds, DropsWhatWaitsForAnOwnerAndWaitsForWhatRuns) {
  const int owner = 0, other = 0;
  WorkerPool pool(one_thread());
  hold(pool, &owner);
  submit(pool, {"a"}, "a1", nullptr, &owner);
  submit(pool, {"b"}, "b1", nullptr, &other);
  pool.drop(&owner);
  EXPECT_EQ(record_.count("dropped a1"), 1u);
  EXPECT_FALSE(pool.wait_until_idle(&owner, 1ms));
  gate_.open();
  EXPECT_TRUE(pool.wait_until_idle(&owner, 20s));
  EXPECT_EQ(record_.wait_for(3).back(), "begun b1");
}

TEST_F(WorkerPoolEnds, ThePoolItselfDropsWhatWaits) {
  {
    WorkerPool pool(one_thread());
    hold(pool);
    submit(pool, {"a"}, "a1");
    gate_.open();
  }
  record_.wait_for(2);
  EXPECT_EQ(record_.count("begun a1") + record_.count("dropped a1"), 1u);
}

/// A job of the flood: counts how it ended and how many of its group run.
class CountingJob final : public WorkerPool::Job {
 public:
  CountingJob(std::atomic<int>& ended, std::atomic<int>& running, int most)
      : ended_(ended), running_(running), most_(most) {}
  ~CountingJob() override { EXPECT_TRUE(once_); }
  void run() override {
    EXPECT_LE(++running_, most_);
    std::this_thread::yield();
    --running_;
    end();
  }
  void refuse() override { end(); }
  void cancel() override { end(); }

 private:
  void end() {
    EXPECT_FALSE(once_);
    once_ = true;
    ++ended_;
  }
  std::atomic<int>& ended_;
  std::atomic<int>& running_;
  const int most_;
  bool once_ = false;
};

TEST(WorkerPool, EndsEveryJobOnceWhateverComesAndGoes) {
  constexpr int kJobs = 3000;
  std::array<std::atomic<int>, 5> running{};
  std::atomic<int> ended{0};
  {
    WorkerPool pool({.name = "test",
                     .threads = 3,
                     .running_per_group = 2,
                     .places = 20,
                     .places_per_caller = 6,
                     .places_per_group = 10,
                     .places_kept_for_local = 3});
    std::mt19937 random(7);
    for (int i = 0; i < kJobs; ++i) {
      const size_t group = random() % running.size();
      WorkerPool::Ticket ticket;
      ticket.id = pool.next_id();
      ticket.caller = {fmt::format("{}/{}", group, random() % 3), fmt::format("{}", group),
                       random() % 4 == 0};
      ticket.owner = &running[group];
      ticket.refusable = random() % 5 != 0;
      const uint64_t id = ticket.id;
      pool.submit(std::move(ticket), std::make_unique<CountingJob>(ended, running[group], 2));
      if (random() % 7 == 0) pool.cancel(id - random() % 5);
    }
    for (const auto& owner : running) {
      while (!pool.wait_until_idle(&owner, 1s)) continue;
    }
    const auto begin = std::chrono::steady_clock::now();
    while (pool.statistics().waiting > 0 && std::chrono::steady_clock::now() - begin < 20s)
      std::this_thread::yield();
    EXPECT_EQ(pool.statistics().waiting, 0u);
  }
  EXPECT_EQ(ended, kJobs);
}

}  // namespace
}  // namespace mullion::env
