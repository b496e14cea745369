// Tasks that can never run: they wait for themselves, or for a task that does not exist.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packs/internal/effective.h"
#include "packs/internal/pack.h"

namespace mullion::packs {

/// Names of tasks and what each of them waits for.
using TaskPrerequisites = std::map<std::string, std::vector<std::string>>;

/// Of the tasks of `bodies` and of the writable layer.
TaskPrerequisites task_prerequisites(const std::map<ObjectName, std::string>& bodies,
                                     const store::Snapshot& snapshot);
/// As the store shows them now.
TaskPrerequisites task_prerequisites(const store::Snapshot& snapshot);

/// The texts of real servers: "Task a missing prerequisite b", and for a circle "Task a depends on itself!"
/// with the way round it. Pure.
std::vector<std::string> impossible_tasks(const TaskPrerequisites& tasks);

/// kInvalid of Type kUndecodable with every text of `after` that `before` does not have: a stack with such
/// tasks does not load.
Result<void> check_task_order(const TaskPrerequisites& before, const TaskPrerequisites& after);

}  // namespace mullion::packs
