// What is done to the disks of members that are stopped.
#pragma once

#include "cli/tree/command.h"

namespace mullion::cli {

/// One member of a cluster that has lost its majority for good goes on alone.
Result<void> cluster_recover(Invocation& call);

}  // namespace mullion::cli
