#include <algorithm>
#include <cctype>
#include <set>

#include "base/letters.h"
#include "model/internal/hooks.h"
#include "model/json_schema.h"

namespace mullion::model::internal {
namespace {

/// Calls `visit(position, template)` for every template that is an object.
template <typename Visit>
void for_each_template(const HookContext& context, Visit visit) {
  const json::array* templates = list_of(context.object, "Templates");
  if (templates == nullptr) return;
  for (size_t i = 0; i < templates->size(); ++i) {
    if (const json::object* item = (*templates)[i].if_object()) visit(i, *item);
  }
}

void check_template_list(HookContext& context, bool path_required) {
  std::set<std::string_view> names;
  for_each_template(context, [&](size_t position, const json::object& item) {
    const std::string_view name = text_of(item, "Name");
    if (name.empty()) context.refuse(fmt::format("Template[{}]: Name must not be empty", position));
    if (!name.empty() && !names.insert(name).second) {
      context.refuse(fmt::format("Template[{}]: Name {} is already used", position, name));
    }
    if (path_required && text_of(item, "Path").empty()) {
      context.refuse(fmt::format("Template[{}]: Path must not be empty", position));
    }
    const bool by_id = !text_of(item, "ID").empty();
    const bool by_contents = !text_of(item, "Contents").empty();
    if (by_id && by_contents) {
      context.refuse(fmt::format("Template[{}]: ID and Contents must not both be set", position));
    }
    if (!by_id && !by_contents && text_of(item, "Link").empty()) {
      context.refuse(fmt::format("Template[{}]: one of ID, Contents or Link must be set", position));
    }
  });
}

bool is_name(std::string_view text) { return matches_name_rule("name", text); }

/// "name", "stage:name", "bootenv:name", "chroot:anything", "context:anything", "action:[plugin:]action".
bool is_task_entry(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return is_name(text);
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (kind == "stage" || kind == "bootenv") return is_name(rest);
  if (kind == "chroot" || kind == "context") return true;
  if (kind != "action" || rest.empty()) return false;
  const size_t second = rest.find(':');
  return second == std::string_view::npos || (second > 0 && second + 1 < rest.size());
}

/// Comma list, blanks and capitals without meaning.
std::vector<std::string> systems_of(std::string_view list) {
  std::vector<std::string> systems(1);
  for (const char c : list) {
    if (c == ',') {
      systems.emplace_back();
    } else if (c != ' ') {
      systems.back().push_back(lower_case(c));
    }
  }
  return systems;
}

std::string_view systems_text(const json::object& item) {
  const json::object* meta = object_of(item, "Meta");
  return meta == nullptr ? std::string_view() : text_of(*meta, "OS");
}

/// Follows prerequisites depth first, looking for a way back to the task that is being written.
class PrerequisiteWalk {
 public:
  explicit PrerequisiteWalk(const HookContext& context) : context_(context) {}

  /// The way from the task back to itself; empty when there is none.
  std::vector<std::string> find_cycle() {
    way_.push_back(context_.key);
    if (!descend(context_.object)) way_.clear();
    return way_;
  }

 private:
  static constexpr size_t kMaxDepth = 256;

  bool descend(const json::object& task) {
    const json::array* prerequisites = list_of(task, "Prerequisites");
    if (prerequisites == nullptr || way_.size() > kMaxDepth) return false;
    for (const json::value& item : *prerequisites) {
      const std::string name(text_item(item));
      way_.push_back(name);
      if (name == context_.key) return true;
      if (seen_.insert(name).second) {
        const std::optional<json::object> next = context_.lookup.find("tasks", name);
        if (next && descend(*next)) return true;
      }
      way_.pop_back();
    }
    return false;
  }

  const HookContext& context_;
  std::vector<std::string> way_;
  std::set<std::string> seen_;
};

}  // namespace

void check_task_entries(HookContext& context) {
  const json::array* tasks = list_of(context.object, "Tasks");
  if (tasks == nullptr) return;
  for (const json::value& task : *tasks) {
    if (!is_task_entry(text_item(task))) context.refuse(fmt::format("Invalid Task: {}", text_item(task)));
  }
}

void check_templates(HookContext& context) { check_template_list(context, true); }

void check_task_templates(HookContext& context) { check_template_list(context, false); }

void check_task_systems(HookContext& context) {
  bool unknown = false;
  std::vector<std::string> without, with;
  for_each_template(context, [&](size_t position, const json::object& item) {
    const std::string_view systems = systems_text(item);
    const std::string label = fmt::format("Template[{}] {}", position, text_of(item, "Name"));
    if (systems.empty()) return without.push_back(label + " is missing OS metadata");
    with.push_back(fmt::format("{} has OS metadata {}", label, systems));
    for (const std::string& word : systems_of(systems)) {
      if (!canonical_word("taskOS", word).empty()) continue;
      context.refuse(fmt::format("Template[{}]: Invalid OS value {}", position, word));
      unknown = true;
    }
  });
  if (unknown) {
    context.refuse("Valid values are: any,darwin,esxi,freebsd,linux,netbsd,openbsd,solaris,windows");
  }
  if (with.empty() || without.empty()) return;
  context.refuse("Cannot mix templates with OS metadata and templates without OS metadata");
  for (const std::string& line : without) context.refuse(line);
  for (const std::string& line : with) context.refuse(line);
}

void check_task_prerequisites(HookContext& context) {
  const std::vector<std::string> cycle = PrerequisiteWalk(context).find_cycle();
  if (cycle.empty()) return;
  context.refuse_reference(fmt::format("Task {} depends on itself!", context.key));
  context.refuse_reference(fmt::format("{} (cycle at 0)", fmt::join(cycle, ": ")));
}

/// What boots a kernel says which system it belongs to, and has a loader that it can be started by.
void check_boot_env_parts(HookContext& context) {
  if (text_of(context.object, "Kernel").empty()) return;
  const json::object* system = object_of(context.object, "OS");
  if (system == nullptr || text_of(*system, "Name").empty()) context.degrade("bootenv: Missing OS.Name");
  bool has_loader = false;
  for_each_template(context, [&](size_t, const json::object& item) {
    const std::string_view name = text_of(item, "Name");
    has_loader = has_loader || name.starts_with("ipxe") || name.starts_with("pxelinux");
  });
  if (!has_loader) context.degrade("bootenv: Missing elilo or pxelinux template");
}

void check_os_architectures(HookContext& context) {
  const json::object* system = object_of(context.object, "OS");
  const json::object* architectures =
      system == nullptr ? nullptr : object_of(*system, "SupportedArchitectures");
  if (architectures == nullptr) return;
  for (const auto& member : *architectures) {
    if (canonical_word("archAliases", member.key()).empty()) {
      context.refuse(fmt::format("Unsupported arch {}", std::string_view(member.key())));
    }
  }
}

void check_job_task(HookContext& context) {
  const std::string_view task = text_of(context.object, "Task");
  if (task.empty() || task.find(':') != std::string_view::npos || is_name(task)) return;
  context.refuse(fmt::format("Invalid Task `{}`", task));
}

void check_job_machine(HookContext& context) {
  if (context.before != nullptr) return;  // a job outlives its machine
  const std::string_view machine = text_of(context.object, "Machine");
  if (machine.empty()) return context.refuse("Machine must be set");
  if (context.lookup.exists("machines", machine)) return;
  context.refuse_reference(fmt::format("Machine {} does not exist", machine));
}

void check_stage_boot_env(HookContext& context) {
  const std::string_view name = text_of(context.object, "BootEnv");
  const std::optional<json::object> boot_env = context.lookup.find("bootenvs", name);
  if (name.empty() || !boot_env) return;
  if (boolean_of(*boot_env, "OnlyUnknown")) {
    return context.degrade(
        fmt::format("BootEnv {} does not allow Machine assignments, it has the OnlyUnknown flag.", name));
  }
  if (boolean_of(*boot_env, "Available")) return;
  context.degrade(fmt::format("Stage {} wants BootEnv {}, which is not available", context.key, name));
}

/// Each object that the list names must be available; `kind` is what a message calls one.
void check_available(HookContext& context, std::string_view list, std::string_view prefix,
                     std::string_view kind) {
  const json::array* names = list_of(context.object, list);
  if (names == nullptr) return;
  for (size_t i = 0; i < names->size(); ++i) {
    const std::string_view name = text_item((*names)[i]);
    const std::optional<json::object> named = context.lookup.find(prefix, name);
    if (!named || boolean_of(*named, "Available")) continue;
    context.degrade(fmt::format("{} {} (at {}) is not available", kind, name, i));
  }
}

void check_stage_tasks(HookContext& context) { check_available(context, "Tasks", "tasks", "Task"); }

void check_workflow_stages(HookContext& context) { check_available(context, "Stages", "stages", "Stage"); }

void check_template_references(HookContext& context) {
  for_each_template(context, [&](size_t position, const json::object& item) {
    const std::string_view id = text_of(item, "ID");
    if (id.empty() || context.lookup.exists("templates", id)) return;
    context.degrade(fmt::format("Template[{}]: template {} does not exist", position, id));
  });
}

void check_param_schema(HookContext& context) {
  const json::value* schema = context.object.if_contains("Schema");
  if (schema == nullptr || schema->is_null()) return;
  if (!schema->is_object()) return context.refuse("Schema must be an object");
  const Result<std::shared_ptr<const JsonSchema>> compiled = JsonSchema::compile(*schema, context.budget);
  if (!compiled) return context.refuse(fmt::format("Invalid schema: {}", compiled.error().messages.front()));
  const json::value* fallback = schema->get_object().if_contains("default");
  if (fallback == nullptr) return;
  const Result<void> fits = (*compiled)->check(*fallback, context.budget);
  if (!fits) context.refuse(fmt::format("Error in default value: {}", fits.error().messages.front()));
}

void check_pool_transitions(HookContext& context) {
  for (std::string_view field : {"EnterActions", "ExitActions", "AllocateActions", "ReleaseActions"}) {
    const json::object* actions = object_of(context.object, field);
    if (actions == nullptr) continue;
    const std::string_view workflow = text_of(*actions, "Workflow");
    if (!workflow.empty() && !is_name(workflow)) {
      context.refuse(fmt::format("Invalid {} Workflow `{}`", field, workflow));
    }
    for (std::string_view list : {"AddProfiles", "RemoveProfiles"}) {
      const json::array* profiles = list_of(*actions, list);
      if (profiles == nullptr) continue;
      for (const json::value& profile : *profiles) {
        if (is_name(text_item(profile))) continue;
        context.refuse(fmt::format("Invalid {} {} `{}`", field, list, text_item(profile)));
      }
    }
  }
}

/// The server writes them; a plugin that has any is not in service.
void check_plugin_errors(HookContext& context) {
  const json::array* errors = list_of(context.object, "PluginErrors");
  if (errors == nullptr) return;
  for (const json::value& error : *errors) context.verdict.unavailable.emplace_back(text_item(error));
}

}  // namespace mullion::model::internal
