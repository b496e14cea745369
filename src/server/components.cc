#include "server/components.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <future>

#include "env/launch.h"
#include "server/internal/log.h"

namespace mullion::server {
namespace {

/// Under way. Its coroutine may outlive us.
struct Stopping {
  std::string name;
  env::SteadyTime deadline;
  std::future<void> done;
};

bool ends_by(const Stopping& component, env::SteadyTime moment) {
  const env::Duration left = std::min(moment, component.deadline) - env::system_clock().steady();
  return component.done.wait_for(std::max(left, env::Duration::zero())) == std::future_status::ready;
}

}  // namespace

Result<void> start_all(const std::vector<Component>& components) {
  for (const Component& component : components) {
    if (!component.start) continue;
    if (Result<void> started = component.start(); !started) return started;
  }
  return {};
}

bool stop_all(env::Runtime& runtime, const std::vector<Component>& components, env::Duration patience) {
  const env::SteadyTime begun = env::system_clock().steady();
  std::vector<Stopping> late;
  for (auto component = components.rbegin(); component != components.rend(); ++component) {
    Stopping stopping{component->name, begun + component->deadline, env::launch(runtime, component->stop)};
    if (ends_by(stopping, env::system_clock().steady() + patience)) continue;
    kLog.warn("did not stop in time what={}", stopping.name);
    late.push_back(std::move(stopping));
  }
  std::vector<std::string> running;
  for (const Stopping& component : late) {
    if (!ends_by(component, component.deadline)) running.push_back(component.name);
  }
  if (running.empty()) return true;
  kLog.error("still running: {}; nothing is freed, the process has to end", fmt::join(running, ", "));
  return false;
}

}  // namespace mullion::server
