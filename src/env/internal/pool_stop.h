// The end of a runtime's work in the pools.
#pragma once

namespace mullion::env::internal {

/// Drops what waits in the pools for the execution context `owner` and waits until nothing runs for it; after
/// the patience of set_last_resort() its action is taken. To be called while no thread runs the context.
void stop_pool_work_of(const void* owner);

}  // namespace mullion::env::internal
