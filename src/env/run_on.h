// From a coroutine of one runtime to the threads of another, and back with the result.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "env/runtime.h"

namespace mullion::env {

/// Runs `work`, a function that returns a Task with a value, on the threads of `runtime`; whatever it awaits
/// returns there. What it throws is thrown here; whoever is cancelled here cancels it there and waits for it,
/// so it may use the caller's locals.
template <typename Work>
auto run_on(Runtime& runtime, Work work) -> Task<typename std::invoke_result_t<Work&>::value_type> {
  std::optional<typename std::invoke_result_t<Work&>::value_type> value;
  const auto elsewhere = [&work, &value]() -> Task<void> { value.emplace(co_await work()); };
  co_await asio::co_spawn(asio::make_strand(runtime.executor()), elsewhere, asio::use_awaitable);
  co_return std::move(*value);
}

}  // namespace mullion::env
