// Coroutines from tests.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>

#include "env/runtime.h"

namespace mullion::versionset {

template <typename T>
env::Task<std::optional<T>> optionally(env::Task<T> task) {
  co_return std::optional<T>(co_await std::move(task));
}

/// Starts `task`; the future's value is never absent.
template <typename T>
std::future<std::optional<T>> launch(env::Runtime& runtime, env::Task<T> task) {
  return boost::asio::co_spawn(runtime.executor(), optionally(std::move(task)), boost::asio::use_future);
}

/// Runs `task` to its end.
template <typename T>
T run_task(env::Runtime& runtime, env::Task<T> task) {
  return std::move(*launch(runtime, std::move(task)).get());
}

}  // namespace mullion::versionset
