// Many files of a catalog on their way to a server or a directory, several at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "catalog/items.h"
#include "cli/tree/command.h"

namespace mullion::cli {

inline constexpr size_t kMostCopies = 20;  // at once

/// Brings one file to its destination; runs on a thread of its own with a session of its own.
using CopyOne = std::function<Result<void>(Invocation& call, const catalog::Artifact& artifact)>;

/// Copies all, `at_once` at a time, and prints the path of each one that arrived. After a failure no further
/// one is begun; the first failure is answered when those under way have ended.
Result<void> copy_files(Invocation& call, const std::vector<catalog::Artifact>& files, size_t at_once,
                        const CopyOne& copy);

}  // namespace mullion::cli
