// The store's commit for coroutines.
#pragma once

#include "env/runtime.h"
#include "store/store.h"

namespace mullion::content {

/// Waits until `batch` is durable or refused, without holding a thread.
env::Task<Result<store::Cursor>> commit_async(store::Store& store, store::Batch batch);

}  // namespace mullion::content
