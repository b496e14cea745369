// Rules that no table can say. schema/objects/*.yaml names them: `{check: hook, hook: NAME}`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/object.h"

namespace mullion::model::internal {

/// What a hook looks at and where it says what is wrong.
struct HookContext {
  const ObjectType& type;
  json::object& object;        // hooks fill fields that follow from other objects
  const json::object* before;  // nullptr: the object is new
  const Lookup& lookup;
  Verdict& verdict;
  std::string key;
  bool force;
  Budget& budget;

  /// A breach of the object's own rules: "KEY: text".
  void refuse(std::string_view text) {
    verdict.invalid.push_back(key.empty() ? std::string(text) : fmt::format("{}: {}", key, text));
  }
  /// A breach in relation to other objects: no key in front.
  void refuse_reference(std::string text) { verdict.invalid.push_back(std::move(text)); }
  /// Why the object cannot be used now: "KEY: text".
  void degrade(std::string_view text) {
    verdict.unavailable.push_back(key.empty() ? std::string(text) : fmt::format("{}: {}", key, text));
  }
};

using Hook = void (*)(HookContext& context);

/// Runs the hook called `name`. Precondition: it exists (a test runs over the whole schema).
void run_hook(std::string_view name, HookContext& context);
bool hook_exists(std::string_view name);

// Machines (hooks_machine.cc).
void check_machine_arch(HookContext& context);
void check_hardware_addresses(HookContext& context);
void check_machine_availability(HookContext& context);
void check_machine_pending_tasks(HookContext& context);
void check_machine_task_list(HookContext& context);
void check_machine_current_task(HookContext& context);

// What is run and booted (hooks_work.cc).
void check_task_entries(HookContext& context);
void check_templates(HookContext& context);
void check_task_templates(HookContext& context);
void check_task_systems(HookContext& context);
void check_task_prerequisites(HookContext& context);
void check_boot_env_parts(HookContext& context);
void check_os_architectures(HookContext& context);
void check_job_task(HookContext& context);
void check_job_machine(HookContext& context);
void check_stage_boot_env(HookContext& context);
void check_stage_tasks(HookContext& context);
void check_workflow_stages(HookContext& context);
void check_template_references(HookContext& context);
void check_param_schema(HookContext& context);
void check_pool_transitions(HookContext& context);
void check_plugin_errors(HookContext& context);

// Networks (hooks_network.cc).
void check_subnet_range(HookContext& context);
void check_subnet_change(HookContext& context);
void check_subnet_allocation(HookContext& context);
void check_reservation_address(HookContext& context);
void check_reservation_scope(HookContext& context);

// Managers (hooks_manager.cc).
void check_endpoint_errors(HookContext& context);

// Rights (hooks_access.cc).
void check_claims(HookContext& context);
void check_tenant_members(HookContext& context);

/// Text of a string member, or empty.
std::string_view text_of(const json::object& object, std::string_view name);
const json::array* list_of(const json::object& object, std::string_view name);
const json::object* object_of(const json::object& object, std::string_view name);
bool boolean_of(const json::object& object, std::string_view name);
int64_t integer_of(const json::object& object, std::string_view name);
/// The text of a list's item, or empty.
std::string_view text_item(const json::value& item);

/// Whether a value says nothing: null, false, 0, and empty texts, lists and maps.
bool is_empty(const json::value& value);

/// Parses dotted IPv4 into its number.
bool parse_ipv4(std::string_view text, uint32_t& out);
/// Parses "a.b.c.d/n".
bool parse_cidr(std::string_view text, uint32_t& network, int& bits);
/// The dotted text of an address.
std::string ipv4_text(uint32_t address);

}  // namespace mullion::model::internal
