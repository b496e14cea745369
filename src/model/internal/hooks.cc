#include "model/internal/hooks.h"

#include <cassert>
#include <cctype>
#include <charconv>

namespace mullion::model::internal {
namespace {

constexpr std::pair<std::string_view, Hook> kHooks[] = {
    {"boot_env_parts", check_boot_env_parts},
    {"claims", check_claims},
    {"endpoint_errors", check_endpoint_errors},
    {"hardware_addresses", check_hardware_addresses},
    {"job_machine", check_job_machine},
    {"job_task", check_job_task},
    {"machine_arch", check_machine_arch},
    {"machine_availability", check_machine_availability},
    {"machine_current_task", check_machine_current_task},
    {"machine_pending_tasks", check_machine_pending_tasks},
    {"machine_task_list", check_machine_task_list},
    {"os_architectures", check_os_architectures},
    {"param_schema", check_param_schema},
    {"plugin_errors", check_plugin_errors},
    {"pool_transitions", check_pool_transitions},
    {"reservation_address", check_reservation_address},
    {"reservation_scope", check_reservation_scope},
    {"stage_boot_env", check_stage_boot_env},
    {"stage_tasks", check_stage_tasks},
    {"subnet_allocation", check_subnet_allocation},
    {"subnet_change", check_subnet_change},
    {"subnet_range", check_subnet_range},
    {"task_entries", check_task_entries},
    {"task_prerequisites", check_task_prerequisites},
    {"task_systems", check_task_systems},
    {"task_templates", check_task_templates},
    {"template_references", check_template_references},
    {"templates", check_templates},
    {"tenant_members", check_tenant_members},
    {"workflow_stages", check_workflow_stages},
};

Hook find_hook(std::string_view name) {
  for (const auto& [known, hook] : kHooks) {
    if (known == name) return hook;
  }
  return nullptr;
}

}  // namespace

void run_hook(std::string_view name, HookContext& context) {
  const Hook hook = find_hook(name);
  assert(hook != nullptr);
  if (hook != nullptr) hook(context);
}

bool hook_exists(std::string_view name) { return find_hook(name) != nullptr; }

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

const json::array* list_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

bool boolean_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

int64_t integer_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::string_view text_item(const json::value& item) {
  return item.is_string() ? std::string_view(item.get_string()) : std::string_view();
}

bool is_empty(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return true;
    case json::kind::bool_:
      return !value.get_bool();
    case json::kind::int64:
      return value.get_int64() == 0;
    case json::kind::uint64:
      return value.get_uint64() == 0;
    case json::kind::double_:
      return value.get_double() == 0;
    case json::kind::string:
      return value.get_string().empty();
    case json::kind::array:
      return value.get_array().empty();
    case json::kind::object:
      return value.get_object().empty();
  }
  return false;
}

bool parse_ipv4(std::string_view text, uint32_t& out) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const size_t used = static_cast<size_t>(end - text.data());
    if (error != std::errc{} || used > 3 || number > 255) return false;
    address = address << 8 | number;
    text.remove_prefix(used);
    if (part < 3) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return false;
  out = address;
  return true;
}

std::string ipv4_text(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

bool parse_cidr(std::string_view text, uint32_t& network, int& bits) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !parse_ipv4(text.substr(0, slash), network)) return false;
  const std::string_view length = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  return error == std::errc{} && end == length.data() + length.size() && bits >= 0 && bits <= 32;
}

}  // namespace mullion::model::internal
