#include <cctype>

#include "model/internal/hooks.h"

namespace mullion::model::internal {
namespace {

/// What a MAC address has wrong with it; empty: nothing. Six or eight bytes, or twenty (InfiniBand).
std::string_view mac_trouble(std::string_view text) {
  if (text.size() != 17 && text.size() != 23 && text.size() != 59) return "wrong length";
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2) {
      if (text[i] != text[2] || (text[i] != ':' && text[i] != '-')) return "bytes must be separated by :";
    } else if (std::isxdigit(static_cast<unsigned char>(text[i])) == 0) {
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
  (changed(context, field) ? context.verdict.invalid : context.verdict.unavailable)
      .push_back(std::move(text));
}

std::optional<json::object> named_by(const HookContext& context, std::string_view field,
                                     std::string_view collection) {
  const std::string_view name = text_of(context.object, field);
  if (name.empty()) return std::nullopt;
  return context.lookup.find(collection, name);
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

}  // namespace mullion::model::internal
