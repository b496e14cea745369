#include "env/stop_wish.h"

#include "base/mutex.h"

namespace mullion::env {

bool pause(const std::stop_token& stop, Duration length) {
  Mutex mutex;  // of `wished`
  ConditionVariable changed;
  bool wished = false;
  const std::stop_callback wake(stop, [&] {
    const Lock lock(mutex);
    wished = true;
    changed.notify_all();
  });
  Lock lock(mutex);
  return !changed.wait_for(lock, length, [&wished] { return wished; });
}

Task<void> until_wished(std::stop_token stop) {
  constexpr auto kLook = std::chrono::seconds(1);
  Signal wished;
  const std::stop_callback wake(stop, [&wished] { wished.notify_all(); });
  while (!stop.stop_requested()) {
    const uint64_t seen = wished.version();
    if (stop.stop_requested()) break;
    (void)co_await wished.wait(seen, kLook);
  }
}

}  // namespace mullion::env
