// Logs of jobs of servers that keep one database.
#pragma once

#include <memory>

#include "joblogs/job_logs.h"
#include "store/store.h"

namespace mullion::joblogs {

/// As JobLogs, but the logs are private values of the store: what an append was answered for is on the disks
/// of a majority, in order, and is read at whichever server serves next. Errors of append() are also those of
/// a commit. Logs that lie in `directory` from the time before move into the store when they are next used.
std::unique_ptr<JobLogs> make_shared_job_logs(store::Store& store, env::Path directory, uint64_t max_bytes);

}  // namespace mullion::joblogs
