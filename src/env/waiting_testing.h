// How tests wait for what other threads do: one way for every room.
#pragma once

#include <chrono>
#include <thread>

#include "env/runtime.h"

namespace mullion::env {

/// Far above what anything takes on a busy machine under a sanitizer, so that only a real fault meets it.
constexpr std::chrono::steady_clock::duration kTestPatience = std::chrono::minutes(5);

/// Asks until `condition` holds, for at most `limit` of real time; whether it held in the end.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition,
                              std::chrono::steady_clock::duration limit = kTestPatience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// The same for coroutines, which must not hold their thread.
template <typename Condition>
Task<bool> comes_true(Condition condition, std::chrono::steady_clock::duration limit = kTestPatience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) co_return condition();
    (void)co_await sleep_for(std::chrono::milliseconds(2));
  }
  co_return true;
}

}  // namespace mullion::env
