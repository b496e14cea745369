#include "packs/internal/stack_change.h"

#include "packs/internal/effective.h"
#include "packs/internal/in_use.h"
#include "packs/internal/stack.h"
#include "packs/internal/task_order.h"

namespace mullion::packs {

Effective judge(const Stack& stack, const std::vector<std::string>& features,
                const store::Snapshot& snapshot) {
  Effective effective = make_effective(stack, snapshot);
  for (const Breach& breach : unmet_requirements(stack, features))
    effective.warnings[breach.layer].push_back(breach.error.messages.front());
  return effective;
}

Result<Effective> judge_change(const Stack& before, const Stack& after, const std::string& changed,
                               const std::vector<std::string>& features, const store::Snapshot& snapshot) {
  if (auto checked = check_requirements(before, after, changed, features); !checked) return checked.error();
  if (auto checked = check_vanishing_preferences(snapshot, before, after); !checked) return checked.error();
  Effective effective = judge(after, features, snapshot);
  const TaskPrerequisites tasks = task_prerequisites(effective.bodies, snapshot);
  if (auto checked = check_task_order(task_prerequisites(snapshot), tasks); !checked) return checked.error();
  for (std::string& problem :
       problems_of_own(effective, snapshot, users_of_vanishing(snapshot, before, after)))
    effective.warnings[changed].push_back(std::move(problem));
  return effective;
}

}  // namespace mullion::packs
