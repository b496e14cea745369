// How background work waits; by hand in tests, so that they let hours pass at once.
#pragma once

#include <optional>
#include <utility>

#include "env/runtime.h"
#include "env/unless.h"

namespace mullion::env {

/// Thread-safe. Whoever asks a Clock how late it is and waits as well is given both, so that a test moves
/// them together.
class Timers {
 public:
  virtual ~Timers() = default;
  /// True once version() of `signal` differs from `seen`, false after `timeout` or cancellation.
  virtual Task<bool> wait(Signal& signal, uint64_t seen, Duration timeout) const = 0;
  /// False when cancelled meanwhile.
  virtual Task<bool> sleep_for(Duration duration) const = 0;
};

/// Those of the machine. They live for ever.
const Timers& system_timers();

/// What `work` gives, or absent after `patience`: then `work` is cancelled and has ended.
template <typename T>
Task<std::optional<T>> within(const Timers& timers, Duration patience, Task<T> work) {
  const auto end = [](const Timers& timers, Duration patience) -> Task<void> {
    co_await timers.sleep_for(patience);
  };
  std::optional<T> result = co_await unless(std::move(work), end(timers, patience));
  co_return result;
}

}  // namespace mullion::env
