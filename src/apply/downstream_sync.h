// Sends version sets to the downstream managers, and takes back what nobody there names any more (sync_plan.h
// decides).
#pragma once

#include <memory>

#include "apply/configurator.h"

namespace mullion::apply {

/// Thread-safe. Works while the manager is active; wakes when replicas, sets or the catalog change.
class DownstreamSync {
 public:
  virtual ~DownstreamSync() = default;
  virtual void start() = 0;
  virtual Task<void> stop() = 0;
  struct Statistics {
    uint64_t files = 0, bytes = 0;  // that went to downstream managers since start
    uint64_t failures = 0;
  };
  virtual Statistics statistics() const = 0;
};
/// Of `dependencies` everything but `apply_concurrency` is used.
std::unique_ptr<DownstreamSync> make_downstream_sync(const Dependencies& dependencies);

}  // namespace mullion::apply
