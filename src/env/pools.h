// The pools of the process: which kind of work may hold which threads, and who may ask for how much of it.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/runtime.h"
#include "env/worker_pool.h"

namespace mullion::env {

enum class Pool {
  kDisk,       // short work that waits for the disk: run_blocking() without a pool
  kProcessor,  // computing whose size a request chooses: un-indexed filters, plans
  kLong,       // minutes, perhaps: unpacking, hashing of files, packs, backups
  kPassword,   // password hashes: tens of milliseconds and 32 MiB each
};

/// As run_blocking(function), in `pool`, on the server's own account: waits for its turn, is never refused.
Task<void> run_blocking(Pool pool, std::function<void()> function);
/// On a caller's account. When the caller, its group or the pool has too much waiting, nothing is done and
/// the error is one for a client that may try again soon: 503 with Retry-After. The server itself, a caller
/// without a name, is never refused.
Task<Result<void>> run_blocking(Pool pool, Caller caller, std::function<void()> function);

/// On a caller's account, as a part of work that was admitted before: takes turns with the work of others, is
/// never refused. To be used where something else bounds how many parts wait at the same time.
Task<void> run_admitted(Pool pool, Caller caller, std::function<void()> function);

std::vector<WorkerPool::Statistics> pool_statistics();

/// What happens when work in a pool goes on for `patience` after its Runtime began to stop; `what` names the
/// pools. Work cannot be broken off, so the action should end the process; when it returns, the stop waits
/// until the work has ended. Without a call: 5 seconds, then the process ends with status 1. To be set while
/// nothing stops.
void set_last_resort(Duration patience, std::function<void(std::string_view what)> action);

}  // namespace mullion::env
