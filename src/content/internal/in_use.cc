#include "content/internal/in_use.h"

#include <fmt/format.h>

#include "content/internal/preference_table.h"
#include "model/index_value.h"
#include "model/object_type.h"

namespace mullion::content {

namespace {

constexpr size_t kMaxMessages = 20;

/// Which index of which collection refers to objects of a section.
struct Reference {
  std::string_view section, type, index;
};
constexpr Reference kReferences[] = {
    {"bootenvs", "machines", "BootEnv"},   {"stages", "machines", "Stage"},
    {"workflows", "machines", "Workflow"}, {"profiles", "machines", "Profiles"},
    {"contexts", "machines", "Context"},   {"roles", "users", "Roles"},
};

/// Key of one own object that refers to (section, key), or absent.
std::optional<std::string> user_of(const store::Snapshot& snapshot, const Reference& reference,
                                   const std::string& key) {
  const model::ObjectType* type = model::find_object_type(reference.type);
  if (type == nullptr || type->find_index(reference.index) == nullptr) return std::nullopt;
  store::Query query;
  query.type = reference.type;
  query.filters.push_back({std::string(reference.index), store::Operator::kEq, {key}});
  query.filters.push_back({"Endpoint", store::Operator::kEq, {""}});
  query.limit = 1;
  const auto found = snapshot.query(query);
  if (!found || found->refs.empty()) return std::nullopt;
  return found->refs.front().key;
}

void check_references(const store::Snapshot& snapshot, const ObjectName& name,
                      std::vector<std::string>& messages) {
  for (const Reference& reference : kReferences) {
    if (reference.section != name.first) continue;
    if (const auto user = user_of(snapshot, reference, name.second)) {
      messages.push_back(
          fmt::format("{}:{}: In use by {} {}", name.first, name.second, reference.type, *user));
    }
  }
}

void check_preferences(const store::Snapshot& snapshot, const ObjectName& name,
                       std::vector<std::string>& messages) {
  for (const PreferenceRule& rule : preference_table()) {
    if (rule.object_type != name.first || stored_preference(snapshot, rule) != name.second) continue;
    messages.push_back(fmt::format("{} {} is the active {}, cannot remove it",
                                   model::find_object_type(name.first)->type, name.second, rule.name));
  }
}

}  // namespace

Result<void> check_vanishing(const store::Snapshot& snapshot, const Stack& before, const Stack& after) {
  std::vector<std::string> messages;
  for (const auto& [name, body] : before.effective()) {
    if (after.holder(name) != nullptr || messages.size() >= kMaxMessages) continue;
    check_references(snapshot, name, messages);
    check_preferences(snapshot, name, messages);
  }
  if (messages.empty()) return {};
  return Error(ErrorCode::kConflict, "StillInUseError", "contents", "", std::move(messages));
}

}  // namespace mullion::content
