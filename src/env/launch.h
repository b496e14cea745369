// From a thread that is not the runtime's into a coroutine, and back with its result.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "env/runtime.h"

namespace mullion::env {

/// Starts `work`, a function that returns a Task, as a coroutine on a strand of its own: coroutines wait for
/// several things at once (unless.h, process.h), which is a race wherever two threads may run one coroutine.
/// The future holds what it returns or throws; it is ready once `work` and all that the coroutine held are
/// destroyed. A future that nobody keeps starts work that nobody waits for. What goes on in the background
/// belongs to a TaskGroup. Thread-safe.
template <typename Work>
requires std::is_invocable_v<Work&>
auto launch(Runtime& runtime, Work work) {
  using Value = typename std::invoke_result_t<Work&>::value_type;
  struct Launched {
    explicit Launched(Work taken) : work(std::move(taken)) {}
    std::optional<Work> work;
    std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value;
    std::promise<Value> promise;
  };
  const auto launched = std::make_shared<Launched>(std::move(work));
  std::future<Value> future = launched->promise.get_future();
  asio::co_spawn(
      asio::make_strand(runtime.executor()),
      [launched]() -> Task<void> {
        if constexpr (std::is_void_v<Value>) {
          co_await (*launched->work)();
        } else {
          Value value = co_await (*launched->work)();
          launched->value.emplace(std::move(value));
        }
      },
      [launched](const std::exception_ptr& failure) {
        launched->work.reset();
        if (failure) {
          launched->promise.set_exception(failure);
        } else if constexpr (std::is_void_v<Value>) {
          launched->promise.set_value();
        } else {
          launched->promise.set_value(std::move(*launched->value));
        }
      });
  return future;
}

/// The same for a task that is made already.
template <typename Value>
std::future<Value> launch(Runtime& runtime, Task<Value> task) {
  return launch(runtime, [task = std::move(task)]() mutable { return std::move(task); });
}

/// Launches `work`, a Task or a function that returns one, and waits for what it returns. Not from a thread
/// of `runtime`.
template <typename Work>
auto run(Runtime& runtime, Work work) {
  return launch(runtime, std::move(work)).get();
}

}  // namespace mullion::env
