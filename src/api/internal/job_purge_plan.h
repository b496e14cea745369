// What a purge of jobs would remove now.
#pragma once

#include <vector>

#include "api/internal/call.h"
#include "api/internal/job_purge.h"

namespace mullion::api {

/// The removal of each own job that is to go and that the caller may delete. Reads every job: not for
/// coroutine threads.
Result<std::vector<store::Change>> plan_purge(const Call& call, const PurgeRules& rules);

}  // namespace mullion::api
