#include "server/teardown.h"

#include <algorithm>
#include <future>

#include "env/launch.h"
#include "server/internal/log.h"

namespace mullion::server {
namespace {

/// Under way. Its coroutine may outlive us.
struct Stopping {
  std::string what;
  std::future<void> done;
};

Stopping begin(env::Runtime& runtime, std::string what, Teardown::Stop stop) {
  return {std::move(what), env::launch(runtime, std::move(stop))};
}

bool ends_within(const Stopping& part, env::Duration wait) {
  return part.done.wait_for(std::max(wait, env::Duration::zero())) == std::future_status::ready;
}

}  // namespace

void Teardown::add(std::string what, Stop stop) { parts_.push_back({std::move(what), std::move(stop)}); }

std::vector<std::string> Teardown::run(env::Runtime& runtime, env::Duration patience, env::Duration limit) {
  const env::SteadyTime deadline = env::system_clock().steady() + limit;
  const auto left = [&] { return deadline - env::system_clock().steady(); };
  std::vector<Stopping> late;
  while (!parts_.empty()) {
    Part part = std::move(parts_.back());
    parts_.pop_back();
    Stopping stopping = begin(runtime, std::move(part.what), std::move(part.stop));
    if (ends_within(stopping, std::min(patience, left()))) continue;
    kLog.warn("did not stop in time what={}", stopping.what);
    late.push_back(std::move(stopping));
  }
  std::vector<std::string> running;
  for (const Stopping& part : late) {
    if (!ends_within(part, left())) running.push_back(part.what);
  }
  return running;
}

}  // namespace mullion::server
