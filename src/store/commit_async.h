// The store's commit for coroutines.
#pragma once

#include "env/runtime.h"
#include "store/store.h"

namespace mullion::store {

/// Waits until `batch` is durable or refused, without holding a thread.
env::Task<Result<Cursor>> commit_async(Store& store, Batch batch);

}  // namespace mullion::store
