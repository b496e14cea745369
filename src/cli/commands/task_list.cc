#include "cli/commands/task_list.h"

#include <fmt/format.h>

#include <algorithm>

namespace mullion::cli {

TaskRange open_range(const TaskList& list) {
  const auto behind = static_cast<size_t>(std::max<int64_t>(0, list.current + 1));
  TaskRange range;
  range.first = std::min(behind, list.tasks.size());
  const auto stage =
      std::find_if(list.tasks.begin() + static_cast<std::ptrdiff_t>(range.first), list.tasks.end(),
                   [](const std::string& task) { return task.starts_with("stage:"); });
  range.last = static_cast<size_t>(stage - list.tasks.begin());
  return range;
}

Result<std::vector<std::string>> add_tasks(const TaskList& list, const std::vector<std::string>& added,
                                           std::optional<uint64_t> offset) {
  const TaskRange range = open_range(list);
  const size_t room = range.last - range.first;
  if (offset && *offset > room) {
    return Error(ErrorCode::kBadRequest,
                 fmt::format("only {} tasks are left in this stage: {} is beyond them", room, *offset));
  }
  std::vector<std::string> after = list.tasks;
  const size_t place = range.first + static_cast<size_t>(offset.value_or(room));
  after.insert(after.begin() + static_cast<std::ptrdiff_t>(place), added.begin(), added.end());
  return after;
}

std::vector<std::string> remove_tasks(const TaskList& list, const std::vector<std::string>& removed) {
  TaskRange range = open_range(list);
  std::vector<std::string> after = list.tasks;
  for (const std::string& task : removed) {
    const auto begin = after.begin() + static_cast<std::ptrdiff_t>(range.first);
    const auto end = after.begin() + static_cast<std::ptrdiff_t>(range.last);
    const auto found = std::find(begin, end, task);
    if (found == end) continue;
    after.erase(found);
    --range.last;
  }
  return after;
}

}  // namespace mullion::cli
