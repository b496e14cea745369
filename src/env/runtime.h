// The threads that run coroutines, and the one way to run background work: owned by a group, cancellable,
// stopped in reverse order of start.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "env/clock.h"

namespace mullion::env {

namespace asio = boost::asio;
template <typename T>
using Task = asio::awaitable<T>;

/// How a Runtime without threads works: for tests that run everything on one thread, in an order of their
/// own.
struct ByHand {
  /// Is given the work that would have a thread of a pool (pools.h), to be called once, not from a handler of
  /// the runtime, or never.
  std::function<void(std::function<void()> work)> block;
};

/// One io_context run by a fixed number of threads. Objects used by coroutines of several tasks must be
/// thread-safe or be confined to one strand (TaskGroup::strand()).
class Runtime {
 public:
  explicit Runtime(size_t threads);
  /// Without threads: what it is to do waits for run_ready().
  explicit Runtime(ByHand by_hand);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  asio::any_io_executor executor() { return context_.get_executor(); }
  /// Stops the threads; work not finished is dropped. Idempotent.
  void stop();

  /// Only without threads, by one thread: runs what is ready until nothing is, and says how much that was.
  /// Timers of the machine count as ever; who simulates time gives Timers of its own.
  size_t run_ready();
  /// Only without threads: destroys every coroutine where it waits, as if the process had been killed. What
  /// they use is there still and goes next, then the runtime.
  void drop_work();

 private:
  class Context;
  std::unique_ptr<Context> made_;
  asio::io_context& context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

/// Owns background coroutines. Every spawned task runs until it returns or is cancelled by stop():
/// cancellation arrives as an asio `operation_aborted` at the task's next suspension. Thread-safe.
class TaskGroup {
 public:
  TaskGroup(asio::any_io_executor executor, std::string name);
  ~TaskGroup();  // precondition: stopped, or never spawned
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on its own strand. After stop() has begun the task is not started. An exception that
  /// leaves the task is logged with `name`, never swallowed silently; cancellation is not an error.
  void spawn(std::string name, std::function<Task<void>()> task);
  /// Cancels everything and waits for it. To be called from outside the runtime's threads.
  void stop();
  /// Same, from a coroutine.
  Task<void> async_stop();
  size_t running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Suspends for `duration`; returns false when cancelled meanwhile.
Task<bool> sleep_for(Duration duration);

/// A value-less signal many coroutines can wait for. notify_all() may be called from any thread.
class Signal {
 public:
  Signal();
  ~Signal();
  /// A number that grows with every notify_all(): take it before checking the condition, pass it to wait().
  uint64_t version() const;
  void notify_all();
  /// Returns true once version() differs from `seen`, false after `timeout` or cancellation.
  Task<bool> wait(uint64_t seen, Duration timeout);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Runs `function`, short work that waits for the disk, on a thread made for that, so that the coroutine
/// threads stay free, and returns on the caller's executor. Longer work has pools of its own (pools.h). An
/// exception of `function` is thrown here. A caller that is cancelled while the function waits for its turn
/// gets operation_aborted; once begun it is waited for, so it may use the caller's locals.
Task<void> run_blocking(std::function<void()> function);

}  // namespace mullion::env
