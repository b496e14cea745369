// Work whose cost the client chooses: a little of it on the thread that serves, all of it elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/result.h"
#include "env/pools.h"
#include "model/budget.h"

namespace mullion::model {

/// What `work` returns. It is done here while it takes at most `inline_steps`; when it takes more it is done
/// again, on a thread that serves nobody, with `steps` and on the account of `caller`: the error is that of a
/// pool that has too much to do. So it must leave nothing behind but what it returns.
template <typename T>
env::Task<Result<T>> within_budget(env::Caller caller, uint64_t inline_steps, uint64_t steps,
                                   std::function<Result<T>(Budget&)> work) {
  Budget small(inline_steps);
  Result<T> answer = work(small);
  if (!small.exhausted()) co_return answer;
  Result<void> run = co_await env::run_blocking(env::Pool::kProcessor, std::move(caller), [&] {
    Budget large(steps);
    answer = work(large);
  });
  if (!run) co_return run.error();
  co_return answer;
}

}  // namespace mullion::model
