#include "api/internal/job_log_news.h"

#include <boost/json.hpp>

#include "base/mutex.h"

namespace mullion::api {

void JobLogNews::grown(std::string job, std::string machine) {
  if (!state_->events.wanted(kJobLogEvents, job)) return;
  {
    Lock lock(state_->mutex);
    if (state_->waiting.size() == kMostJobs || !state_->waiting.insert(job).second) return;
  }
  tasks_.spawn("job log news", [state = state_, job = std::move(job), machine = std::move(machine)] {
    return tell(state, job, machine);
  });
}

env::Task<void> JobLogNews::tell(std::shared_ptr<State> state, std::string job, std::string machine) {
  const bool waited = co_await state->timers.sleep_for(kDelay);
  {
    Lock lock(state->mutex);
    state->waiting.erase(job);
  }
  if (!waited) co_return;
  Result<uint64_t> size = uint64_t{0};
  co_await env::run_blocking([&] { size = state->logs.size(job); });
  if (!size) co_return;
  const boost::json::object object{{"Uuid", job}, {"Machine", machine}, {"Size", *size}};
  state->events.publish(kJobLogEvents, "append", job, "system", boost::json::serialize(object));
}

}  // namespace mullion::api
