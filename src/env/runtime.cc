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
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <optional>

#include "base/mutex.h"
#include "env/internal/log.h"
#include "env/internal/pool_stop.h"
#include "env/internal/work_by_hand.h"

namespace mullion::env {
namespace {

constexpr auto kCancelInterval = std::chrono::milliseconds(50);
constexpr size_t kRoundsBeforeWarning = 100;

/// Keeps the callable alive beside its coroutine (a lambda's captures live in the callable, not in the frame)
/// and turns what it throws before its first suspension into a failure of the task.
Task<void> run_task(std::function<Task<void>()> task) { co_await task(); }

}  // namespace

class Runtime::Context final : public asio::io_context {
 public:
  using asio::io_context::io_context;
  void drop() { shutdown(); }
};

Runtime::Runtime(size_t threads)
    : made_(std::make_unique<Context>(static_cast<int>(threads))),
      context_(*made_),
      work_(asio::make_work_guard(context_)) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      while (!context_.stopped()) {
        try {
          context_.run();
        } catch (const std::exception& error) {
          kRuntimeLog.error("uncaught exception in a handler what={}", error.what());
        }
      }
    });
  }
}

Runtime::Runtime(ByHand by_hand)
    : made_(std::make_unique<Context>(1)), context_(*made_), work_(asio::make_work_guard(context_)) {
  asio::use_service<internal::WorkByHand>(context_).give_to(std::move(by_hand.block));
}

size_t Runtime::run_ready() {
  size_t ran = 0;
  while (const size_t more = context_.poll()) ran += more;
  return ran;
}

void Runtime::drop_work() {
  context_.stop();
  made_->drop();
}

Runtime::~Runtime() { stop(); }

void Runtime::stop() {
  context_.stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
  // A blocking call returns through this object and uses its caller's frame: both must outlive it.
  internal::stop_pool_work_of(static_cast<asio::execution_context*>(&context_));
}

struct TaskGroup::State {
  struct Entry {
    Entry(std::string task, asio::strand<asio::any_io_executor> target)
        : name(std::move(task)), strand(std::move(target)) {}
    std::string name;
    asio::strand<asio::any_io_executor> strand;
    asio::cancellation_signal signal;
    std::list<std::shared_ptr<Entry>>::iterator place;
  };

  State(asio::any_io_executor target, std::string group)
      : executor(std::move(target)), name(std::move(group)) {}

  asio::any_io_executor executor;
  std::string name;
  mutable Mutex mutex;
  ConditionVariable emptied;
  Signal emptied_signal;
  std::list<std::shared_ptr<Entry>> entries GUARDED_BY(mutex);
  bool stopping GUARDED_BY(mutex) = false;

  void finish(const std::shared_ptr<Entry>& entry, const std::exception_ptr& failure) {
    if (failure) log_failure(*entry, failure);
    {
      Lock lock(mutex);
      entries.erase(entry->place);
      if (entries.empty()) emptied.notify_all();
    }
    emptied_signal.notify_all();
  }

  void log_failure(const Entry& entry, const std::exception_ptr& failure) const {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) return;
      kRuntimeLog.error("task failed group={} task={} what={}", name, entry.name, error.what());
    } catch (const std::exception& error) {
      kRuntimeLog.error("task failed group={} task={} what={}", name, entry.name, error.what());
    } catch (...) {
      kRuntimeLog.error("task failed group={} task={} what=unknown", name, entry.name);
    }
  }

  /// Stops without end are bugs of tasks that ignore cancellation: say which.
  void log_stragglers() const {
    Lock lock(mutex);
    for (const std::shared_ptr<Entry>& entry : entries) {
      kRuntimeLog.warn("task does not stop group={} task={}", name, entry->name);
    }
  }

  /// The threads that would run the tasks are gone: nobody will ever finish them.
  bool runtime_stopped() const {
    const auto* io = executor.target<asio::io_context::executor_type>();
    return io != nullptr && io->context().stopped();
  }

  void cancel_all() {
    Lock lock(mutex);
    stopping = true;
    for (const std::shared_ptr<Entry>& entry : entries) {
      asio::post(entry->strand, [entry] { entry->signal.emit(asio::cancellation_type::terminal); });
    }
  }

  bool empty() const {
    Lock lock(mutex);
    return entries.empty();
  }
};

TaskGroup::TaskGroup(asio::any_io_executor executor, std::string name)
    : state_(std::make_shared<State>(std::move(executor), std::move(name))) {}

TaskGroup::~TaskGroup() {
  if (!state_->empty()) kRuntimeLog.error("group destroyed with running tasks group={}", state_->name);
}

void TaskGroup::spawn(std::string name, std::function<Task<void>()> task) {
  auto entry = std::make_shared<State::Entry>(std::move(name), asio::make_strand(state_->executor));
  {
    Lock lock(state_->mutex);
    if (state_->stopping) return;
    entry->place = state_->entries.insert(state_->entries.end(), entry);
  }
  asio::post(entry->strand, [state = state_, entry, task = std::move(task)]() mutable {
    asio::co_spawn(
        entry->strand, run_task(std::move(task)),
        asio::bind_cancellation_slot(entry->signal.slot(), [state, entry](std::exception_ptr failure) {
          state->finish(entry, failure);
        }));
  });
}

void TaskGroup::stop() {
  // Cancelled again and again: a task may have been between two suspensions the last time.
  for (size_t round = 1;; ++round) {
    state_->cancel_all();
    Lock lock(state_->mutex);
    state_->emptied.wait_for(lock, kCancelInterval,
                             [this]() REQUIRES(state_->mutex) { return state_->entries.empty(); });
    if (state_->entries.empty() || state_->runtime_stopped()) return;
    lock.unlock();
    if (round % kRoundsBeforeWarning == 0) state_->log_stragglers();
  }
}

Task<void> TaskGroup::async_stop() {
  const std::shared_ptr<State> state = state_;
  for (size_t round = 1;; ++round) {
    const uint64_t seen = state->emptied_signal.version();
    state->cancel_all();
    if (state->empty()) co_return;
    co_await state->emptied_signal.wait(seen, kCancelInterval);
    if (round % kRoundsBeforeWarning == 0) state->log_stragglers();
  }
}

size_t TaskGroup::running() const {
  Lock lock(state_->mutex);
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
  struct Waiter {
    Waiter(const asio::any_io_executor& executor, Duration timeout) : timer(executor) {
      timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout));
    }
    Mutex mutex;  // guards the timer: it is started by the waiting coroutine and ended by any thread
    asio::steady_timer timer GUARDED_BY(mutex);
  };
  using Waiters = std::list<std::shared_ptr<Waiter>>;

  Mutex mutex;
  uint64_t version GUARDED_BY(mutex) = 0;
  Waiters waiters GUARDED_BY(mutex);
};

namespace {

/// Takes a waiter off the list however its wait ends, also when its coroutine is destroyed with the runtime.
template <typename State, typename Place>
class Registration {
 public:
  Registration(std::shared_ptr<State> state, Place place) : state_(std::move(state)), place_(place) {}
  ~Registration() {
    Lock lock(state_->mutex);
    state_->waiters.erase(place_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::shared_ptr<State> state_;
  Place place_;
};

}  // namespace

Signal::Signal() : state_(std::make_shared<State>()) {}
Signal::~Signal() = default;

uint64_t Signal::version() const {
  Lock lock(state_->mutex);
  return state_->version;
}

void Signal::notify_all() {
  Lock lock(state_->mutex);
  ++state_->version;
  for (const std::shared_ptr<State::Waiter>& waiter : state_->waiters) {
    Lock timer_lock(waiter->mutex);
    // In the past, not cancelled: a wait that has not begun yet must end at once, too.
    waiter->timer.expires_at(std::chrono::steady_clock::time_point::min());
  }
}

Task<bool> Signal::wait(uint64_t seen, Duration timeout) {
  const std::shared_ptr<State> state = state_;
  auto waiter = std::make_shared<State::Waiter>(co_await asio::this_coro::executor, timeout);
  State::Waiters::iterator place;
  {
    Lock lock(state->mutex);
    if (state->version != seen) co_return true;
    place = state->waiters.insert(state->waiters.end(), waiter);
  }
  Registration<State, State::Waiters::iterator> registration(state, place);
  boost::system::error_code failure;
  const auto begin = [waiter](auto handler) {
    Lock lock(waiter->mutex);
    waiter->timer.async_wait(std::move(handler));
  };
  auto token = asio::redirect_error(asio::use_awaitable, failure);
  co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(begin, token);
  Lock lock(state->mutex);
  co_return state->version != seen;
}

}  // namespace mullion::env
