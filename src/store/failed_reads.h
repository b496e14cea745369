// Reads that fail inside of coroutines.
#pragma once

#include <utility>

#include "env/runtime.h"
#include "store/read_failure.h"

namespace mullion::store {

/// Awaits `work`; a ReadFailure that leaves it becomes what it returns, a Result or an Error.
template <typename Outcome>
env::Task<Outcome> failed_reads_returned(env::Task<Outcome> work) {
  try {
    Outcome outcome = co_await std::move(work);
    co_return outcome;
  } catch (const ReadFailure& failure) {
    co_return failure.error();
  }
}

}  // namespace mullion::store
