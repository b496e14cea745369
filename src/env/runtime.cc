#include "env/runtime.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <condition_variable>
#include <list>
#include <mutex>

#include "base/log.h"

namespace mullion::env {
namespace {

constexpr Logger kLog("runtime");

asio::thread_pool& blocking_pool() {
  static asio::thread_pool pool(2);
  return pool;
}

}  // namespace

Runtime::Runtime(size_t threads)
    : context_(static_cast<int>(threads)), work_(asio::make_work_guard(context_)) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      while (!context_.stopped()) {
        try {
          context_.run();
        } catch (const std::exception& error) {
          kLog.error("uncaught exception in a handler what={}", error.what());
        }
      }
    });
  }
}

Runtime::~Runtime() { stop(); }

void Runtime::stop() {
  context_.stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

struct TaskGroup::State {
  struct Entry {
    Entry(std::string task, asio::strand<asio::any_io_executor> target)
        : name(std::move(task)), strand(std::move(target)) {}
    std::string name;
    asio::strand<asio::any_io_executor> strand;
    asio::cancellation_signal signal;
  };

  State(asio::any_io_executor target, std::string group)
      : executor(std::move(target)), name(std::move(group)) {}

  asio::any_io_executor executor;
  std::string name;
  mutable std::mutex mutex;
  std::condition_variable emptied;
  Signal emptied_signal;
  std::list<std::shared_ptr<Entry>> entries;
  bool stopping = false;

  void finish(const std::shared_ptr<Entry>& entry, const std::exception_ptr& failure) {
    if (failure) log_failure(*entry, failure);
    {
      std::lock_guard lock(mutex);
      entries.remove(entry);
      if (entries.empty()) emptied.notify_all();
    }
    emptied_signal.notify_all();
  }

  void log_failure(const Entry& entry, const std::exception_ptr& failure) const {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) return;
      kLog.error("task failed group={} task={} what={}", name, entry.name, error.what());
    } catch (const std::exception& error) {
      kLog.error("task failed group={} task={} what={}", name, entry.name, error.what());
    }
  }

  void cancel_all() {
    std::lock_guard lock(mutex);
    stopping = true;
    for (const std::shared_ptr<Entry>& entry : entries) {
      asio::post(entry->strand, [entry] { entry->signal.emit(asio::cancellation_type::terminal); });
    }
  }

  bool empty() const {
    std::lock_guard lock(mutex);
    return entries.empty();
  }
};

TaskGroup::TaskGroup(asio::any_io_executor executor, std::string name)
    : state_(std::make_shared<State>(std::move(executor), std::move(name))) {}

TaskGroup::~TaskGroup() {
  if (!state_->empty()) kLog.error("group destroyed with running tasks group={}", state_->name);
}

void TaskGroup::spawn(std::string name, std::function<Task<void>()> task) {
  auto entry = std::make_shared<State::Entry>(std::move(name), asio::make_strand(state_->executor));
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->entries.push_back(entry);
  }
  // The callable is kept alive beside its coroutine: a lambda's captures live in the callable, not in the
  // frame.
  auto kept = std::make_shared<std::function<Task<void>()>>(std::move(task));
  asio::post(entry->strand, [state = state_, entry, kept] {
    asio::co_spawn(
        entry->strand, (*kept)(),
        asio::bind_cancellation_slot(entry->signal.slot(), [state, entry, kept](std::exception_ptr failure) {
          state->finish(entry, failure);
        }));
  });
}

void TaskGroup::stop() {
  std::unique_lock lock(state_->mutex);
  while (!state_->entries.empty() || !state_->stopping) {
    lock.unlock();
    state_->cancel_all();  // again and again: a task may have been between two suspensions when it was
                           // cancelled
    lock.lock();
    state_->emptied.wait_for(lock, std::chrono::milliseconds(50), [this] { return state_->entries.empty(); });
  }
}

Task<void> TaskGroup::async_stop() {
  std::shared_ptr<State> state = state_;
  do {
    const uint64_t seen = state->emptied_signal.version();
    state->cancel_all();
    if (state->empty()) break;
    co_await state->emptied_signal.wait(seen, std::chrono::milliseconds(50));
  } while (!state->empty());
}

size_t TaskGroup::running() const {
  std::lock_guard lock(state_->mutex);
  return state_->entries.size();
}

Task<bool> sleep_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration));
  boost::system::error_code failure;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

struct Signal::State {
  std::mutex mutex;
  uint64_t version = 0;
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor), executor(executor) {}
    asio::steady_timer timer;
    asio::any_io_executor executor;
  };
  std::vector<std::shared_ptr<Waiter>> waiters;
};

Signal::Signal() : state_(std::make_shared<State>()) {}
Signal::~Signal() = default;

uint64_t Signal::version() const {
  std::lock_guard lock(state_->mutex);
  return state_->version;
}

void Signal::notify_all() {
  std::vector<std::shared_ptr<State::Waiter>> waiters;
  {
    std::lock_guard lock(state_->mutex);
    ++state_->version;
    waiters.swap(state_->waiters);
  }
  // Timers are not thread-safe: each is cancelled on the executor of the coroutine that waits on it.
  for (const std::shared_ptr<State::Waiter>& waiter : waiters) {
    asio::post(waiter->executor,
               [waiter] { waiter->timer.expires_at(std::chrono::steady_clock::time_point::min()); });
  }
}

Task<bool> Signal::wait(uint64_t seen, Duration timeout) {
  std::shared_ptr<State> state = state_;
  auto waiter = std::make_shared<State::Waiter>(co_await asio::this_coro::executor);
  waiter->timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout));
  {
    std::lock_guard lock(state->mutex);
    if (state->version != seen) co_return true;
    state->waiters.push_back(waiter);
  }
  boost::system::error_code failure;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  std::lock_guard lock(state->mutex);
  std::erase(state->waiters, waiter);
  co_return state->version != seen;
}

Task<void> run_blocking(std::function<void()> function) {
  co_await asio::co_spawn(
      blocking_pool(), [function = std::move(function)]() -> Task<void> { co_return function(); },
      asio::use_awaitable);
}

}  // namespace mullion::env
