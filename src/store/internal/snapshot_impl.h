#pragma once

#include <memory>

#include "store/store.h"

namespace mullion::store::internal {

class StoreImpl;

/// A snapshot of the newest durable commit.
std::shared_ptr<const Snapshot> make_snapshot(const StoreImpl& store);

}  // namespace mullion::store::internal
