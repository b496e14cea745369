// Changes of a machine's list of tasks. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

struct TaskList {
  std::vector<std::string> tasks;
  int64_t current = -1;  // the one that runs or ran last; -1: none yet
};

/// Only what lies behind the current task and before the next change of stage may be changed: [first, last).
struct TaskRange {
  size_t first = 0;
  size_t last = 0;
};
TaskRange open_range(const TaskList& list);

/// The tasks with `added` at `offset` of the open range, at its end when absent. kBadRequest beyond its end.
Result<std::vector<std::string>> add_tasks(const TaskList& list, const std::vector<std::string>& added,
                                           std::optional<uint64_t> offset);
/// Without the first occurrence of each of `removed` in the open range; what is not there is no error.
std::vector<std::string> remove_tasks(const TaskList& list, const std::vector<std::string>& removed);

}  // namespace mullion::cli
