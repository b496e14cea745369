#include <algorithm>
#include <cctype>
#include <set>

#include "base/letters.h"
#include "model/internal/hooks.h"

namespace mullion::model::internal {
namespace {

/// What a MAC address has wrong with it; empty: nothing. Six or eight bytes, or twenty (InfiniBand).
std::string_view mac_trouble(std::string_view text) {
  if (text.size() != 17 && text.size() != 23 && text.size() != 59) return "wrong length";
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2) {
      if (text[i] != text[2] || (text[i] != ':' && text[i] != '-')) return "bytes must be separated by :";
    } else if (!is_hex_digit(text[i])) {
      return "not hexadecimal";
    }
  }
  return {};
}

bool changed(const HookContext& context, std::string_view field) {
  return context.before == nullptr || text_of(*context.before, field) != text_of(context.object, field);
}

/// A machine may not be put on an unusable object; one that stands on it already just becomes unusable
/// itself.
void complain(HookContext& context, std::string_view field, std::string text) {
  if (changed(context, field)) return context.refuse_reference(std::move(text));
  context.degrade(text);
}

std::optional<json::object> named_by(const HookContext& context, std::string_view field,
                                     std::string_view collection) {
  const std::string_view name = text_of(context.object, field);
  if (name.empty()) return std::nullopt;
  return context.lookup.find(collection, name);
}

const json::array& tasks_of(const json::object& machine) {
  static const json::array none;
  const json::array* tasks = list_of(machine, "Tasks");
  return tasks == nullptr ? none : *tasks;
}

bool tasks_changed(const HookContext& context) {
  return context.before == nullptr || tasks_of(*context.before) != tasks_of(context.object);
}

/// A new stage, boot environment or workflow starts a task list of its own.
bool starts_over(const HookContext& context) {
  return changed(context, "Stage") || changed(context, "BootEnv") || changed(context, "Workflow");
}

/// What the entry names behind "stage:" must exist.
void check_step(HookContext& context, std::string_view entry, std::string_view step,
                std::string_view collection, std::string_view kind) {
  if (!entry.starts_with(step)) return;
  const std::string_view name = entry.substr(step.size());
  if (context.lookup.exists(collection, name)) return;
  context.refuse_reference(fmt::format("{} {} does not exist", kind, name));
}

/// Prerequisites must have run since the last boot: what a task did is lost with its boot environment.
void check_order(HookContext& context, std::string_view name, const json::object& task,
                 const std::set<std::string_view>& done) {
  const json::array* prerequisites = list_of(task, "Prerequisites");
  if (prerequisites == nullptr) return;
  for (const json::value& prerequisite : *prerequisites) {
    if (done.contains(text_item(prerequisite))) continue;
    context.refuse_reference(fmt::format("Task {} missing prerequisite {}", name, text_item(prerequisite)));
  }
}

/// Tasks that a list names again and again are read once.
class NamedTasks {
 public:
  explicit NamedTasks(const Lookup& lookup) : lookup_(lookup) {}

  const std::optional<json::object>& find(std::string_view name) {
    const auto known = tasks_.find(name);
    if (known != tasks_.end()) return known->second;
    return tasks_.emplace(std::string(name), lookup_.find("tasks", name)).first->second;
  }

 private:
  const Lookup& lookup_;
  std::map<std::string, std::optional<json::object>, std::less<>> tasks_;
};

/// Steps of judging one entry of the list: each prerequisite may be a complaint.
uint64_t cost_of(const json::object& task) {
  constexpr uint64_t kStepsOfOne = 16;
  const json::array* prerequisites = list_of(task, "Prerequisites");
  return 1 + (prerequisites == nullptr ? 0 : kStepsOfOne * prerequisites->size());
}

/// Where the list was last cut by a stage or a boot environment, looking back from `position`.
std::optional<int64_t> last_step(const json::array& tasks, int64_t position) {
  for (int64_t i = std::min(position, static_cast<int64_t>(tasks.size()) - 1); i >= 0; --i) {
    const std::string_view entry = text_item(tasks[static_cast<size_t>(i)]);
    if (entry.starts_with("stage:") || entry.starts_with("bootenv:")) return i;
  }
  return std::nullopt;
}

/// What has run stays in the list as it was.
void check_history(HookContext& context, int64_t current) {
  const json::array& earlier = tasks_of(*context.before);
  const json::array& wanted = tasks_of(context.object);
  const size_t fixed = std::min(earlier.size(), static_cast<size_t>(std::max<int64_t>(current + 1, 0)));
  if (wanted.size() < fixed) {
    return context.refuse_reference(
        "Cannot remove tasks that have already executed or are already executing");
  }
  if (!std::equal(earlier.begin(), earlier.begin() + static_cast<std::ptrdiff_t>(fixed), wanted.begin())) {
    context.refuse_reference("Cannot change tasks that have already executed or are executing");
  }
}

}  // namespace

void check_machine_arch(HookContext& context) {
  const std::string_view arch = text_of(context.object, "Arch");
  const std::string_view canonical = canonical_word("archAliases", arch);
  if (canonical.empty()) return context.refuse(fmt::format("Unsupported arch {}", arch));
  if (canonical != arch) context.refuse(fmt::format("Please use {} for Arch instead of {}", canonical, arch));
}

void check_hardware_addresses(HookContext& context) {
  const json::array* addresses = list_of(context.object, "HardwareAddrs");
  if (addresses == nullptr) return;
  for (const json::value& address : *addresses) {
    const std::string_view trouble = mac_trouble(text_item(address));
    if (trouble.empty()) continue;
    context.refuse(fmt::format("Invalid Hardware Address `{}`: {}", text_item(address), trouble));
  }
}

void check_machine_availability(HookContext& context) {
  const std::optional<json::object> stage = named_by(context, "Stage", "stages");
  if (stage && !boolean_of(*stage, "Available")) {
    complain(context, "Stage", fmt::format("Stage {} is not available", text_of(context.object, "Stage")));
  }
  const std::optional<json::object> boot_env = named_by(context, "BootEnv", "bootenvs");
  const std::string_view boot_env_name = text_of(context.object, "BootEnv");
  if (boot_env && boolean_of(*boot_env, "OnlyUnknown")) {
    complain(context, "BootEnv",
             fmt::format("BootEnv {} does not allow Machine assignments, it has the OnlyUnknown flag.",
                         boot_env_name));
  } else if (boot_env && !boolean_of(*boot_env, "Available")) {
    complain(context, "BootEnv", fmt::format("BootEnv {} is not available", boot_env_name));
  }
  const std::optional<json::object> workflow = named_by(context, "Workflow", "workflows");
  if (workflow && !boolean_of(*workflow, "Available")) {
    complain(context, "Workflow",
             fmt::format("Machine {} wants Workflow {}, which is not available", context.key,
                         text_of(context.object, "Workflow")));
  }
}

void check_machine_pending_tasks(HookContext& context) {
  if (context.before == nullptr || context.force || !changed(context, "Stage")) return;
  const json::array* tasks = list_of(*context.before, "Tasks");
  if (tasks == nullptr || integer_of(*context.before, "CurrentTask") >= static_cast<int64_t>(tasks->size())) {
    return;
  }
  context.refuse_reference("Can not change stages with pending tasks unless forced");
}

void check_machine_task_list(HookContext& context) {
  std::set<std::string_view> done;
  NamedTasks named(context.lookup);
  const json::array& tasks = tasks_of(context.object);
  const bool fresh = tasks_changed(context);
  // What has run need not be there any more, and most machines have run everything.
  const int64_t current = std::max<int64_t>(integer_of(context.object, "CurrentTask"), 0);
  for (size_t i = fresh ? 0 : static_cast<size_t>(current); i < tasks.size(); ++i) {
    const std::string_view entry = text_item(tasks[i]);
    if (entry.starts_with("bootenv:")) done.clear();
    if (fresh) check_step(context, entry, "stage:", "stages", "Stage");
    if (fresh) check_step(context, entry, "bootenv:", "bootenvs", "Bootenv");
    const std::optional<json::object>& task = named.find(entry);
    if (!task) continue;
    if (!context.budget.spend(cost_of(*task))) {
      return context.refuse_reference("The tasks have too many prerequisites to be checked");
    }
    if (fresh) check_order(context, entry, *task, done);
    done.insert(entry);
    if (boolean_of(*task, "Available")) continue;
    std::string text = fmt::format("Task {} (at {}) is not available", entry, i);
    if (fresh) {
      context.refuse_reference(std::move(text));
    } else {
      context.degrade(text);
    }
  }
}

void check_machine_current_task(HookContext& context) {
  const int64_t wanted = integer_of(context.object, "CurrentTask");
  const int64_t end = static_cast<int64_t>(tasks_of(context.object).size());
  if (context.before == nullptr || starts_over(context)) {
    if (wanted < -1 || wanted > end) {
      context.refuse(fmt::format("Invalid CurrentTask {}: must be between -1 and {}", wanted, end));
    }
    return;
  }
  const int64_t current = integer_of(*context.before, "CurrentTask");
  check_history(context, current);
  if (wanted > current) {
    return context.refuse_reference(
        fmt::format("Cannot advance CurrentTask from {} to {} without running jobs", current, wanted));
  }
  const std::optional<int64_t> step = last_step(tasks_of(*context.before), current);
  const bool rewinds = wanted == -1;  // asks for the whole list again
  if (wanted < -1 || (step && wanted < *step && !rewinds)) {
    context.refuse_reference(
        fmt::format("Cannot change CurrentTask from {} to {} past {}", current, wanted, step.value_or(-1)));
  }
}

}  // namespace mullion::model::internal
