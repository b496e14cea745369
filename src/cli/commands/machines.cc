// What only machines have besides their jobs: their list of tasks, pools, and who this computer is.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "cli/commands/fingerprint.h"
#include "cli/commands/handlers.h"
#include "cli/commands/task_list.h"
#include "cli/documents/document.h"

namespace mullion::cli {
namespace {

json::value text_list(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

using TaskChange = std::function<Result<std::vector<std::string>>(const TaskList& tasks)>;

Result<void> change_tasks(Invocation& call, const TaskChange& change) {
  Result<json::value> machine = read_object(call);
  if (!machine) return machine.error();
  TaskList tasks{texts_member(*machine, "Tasks"), -1};
  const json::value* current = member(*machine, "CurrentTask");
  if (current != nullptr && current->is_int64()) tasks.current = current->get_int64();
  Result<std::vector<std::string>> after = change(tasks);
  if (!after) return after.error();
  json::array patch;
  if (*after != tasks.tasks) {
    patch.push_back(patch_operation("test", "/Tasks", text_list(tasks.tasks)));
    patch.push_back(patch_operation("replace", "/Tasks", text_list(*after)));
  }
  return send_patch(call, patch, true);
}

}  // namespace

Result<void> tasks_add(Invocation& call) {
  const bool placed = call.argument(1) == "at";
  if (placed && call.arguments.size() < 4) return usage_error("expected ID at NUMBER TASK...");
  std::optional<uint64_t> offset;
  if (placed) {
    Result<uint64_t> number = number_argument(call.argument(2));
    if (!number) return number.error();
    offset = *number;
  }
  const std::vector<std::string> added(call.arguments.begin() + (placed ? 3 : 1), call.arguments.end());
  return change_tasks(call, [&](const TaskList& tasks) { return add_tasks(tasks, added, offset); });
}

Result<void> tasks_delete(Invocation& call) {
  const std::vector<std::string> removed(call.arguments.begin() + 1, call.arguments.end());
  return change_tasks(call, [&](const TaskList& tasks) { return remove_tasks(tasks, removed); });
}

Result<void> machine_release(Invocation& call) {
  return print_answer(
      call, call.session.send_value(client::post_machines_release_to_pool(call.argument(0)), json::object()));
}

Result<void> show_fingerprint(Invocation& call) { return print_answer(call, local_fingerprint()); }

Result<void> machine_whoami(Invocation& call) {
  return print_answer(call, call.session.send_value(client::post_whoami(), local_whoami()));
}

}  // namespace mullion::cli
