// What an Endpoint object is told by its plan.
#include "model/internal/hooks.h"

namespace mullion::model::internal {
namespace {

/// How the text about a missing set begins; no other error of a plan does.
constexpr std::string_view kMissingSet = "VersionSet ";

void check_set(HookContext& context, std::string_view name, size_t position) {
  if (context.lookup.exists("version_sets", name)) return;
  context.verdict.unavailable.push_back(
      fmt::format("{}{} (at {}) does not exist", kMissingSet, name, position));
}

}  // namespace

/// A missing set is told at once. The other errors come from the plan and stay until it is made anew.
void check_endpoint_errors(HookContext& context) {
  if (boolean_of(context.object, "VersionSetsDisabled")) return;
  const json::array* names = list_of(context.object, "VersionSets");
  const std::string_view last = text_of(context.object, "VersionSet");
  size_t count = 0;
  if (names != nullptr) {
    for (const json::value& name : *names) check_set(context, text_item(name), count++);
  }
  if (!last.empty()) check_set(context, last, count++);
  if (count == 0 || context.before == nullptr) return;
  const json::array* errors = list_of(*context.before, "Errors");
  if (errors == nullptr) return;
  for (const json::value& error : *errors) {
    const std::string_view text = text_item(error);
    if (!text.starts_with(kMissingSet)) context.verdict.unavailable.emplace_back(text);
  }
}

}  // namespace mullion::model::internal
