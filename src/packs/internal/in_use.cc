#include "packs/internal/in_use.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/index_value.h"
#include "model/object_type.h"
#include "packs/internal/pack.h"
#include "prefs/preference_table.h"

namespace mullion::packs {

namespace {

constexpr size_t kMostUses = 20;

/// Which index of which collection refers to objects of a section.
struct Reference {
  std::string_view section, type, index;
};
constexpr Reference kReferences[] = {
    {"bootenvs", "machines", "BootEnv"},   {"stages", "machines", "Stage"},
    {"workflows", "machines", "Workflow"}, {"profiles", "machines", "Profiles"},
    {"contexts", "machines", "Context"},   {"roles", "users", "Roles"},
};

/// Keys of own objects that refer to (section, key), at most `most`.
std::vector<std::string> users_of(const store::Snapshot& snapshot, const Reference& reference,
                                  const std::string& key, size_t most) {
  std::vector<std::string> out;
  const model::ObjectType* type = model::find_object_type(reference.type);
  if (type == nullptr || type->find_index(reference.index) == nullptr) return out;
  store::Query query;
  query.type = reference.type;
  query.filters.push_back({std::string(reference.index), store::Operator::kEq, {key}});
  query.filters.push_back({"Endpoint", store::Operator::kEq, {""}});
  query.limit = most;
  const auto found = snapshot.query(query);
  if (!found) return out;
  for (const auto& ref : found->refs) out.push_back(ref.key);
  return out;
}

void check_references(const store::Snapshot& snapshot, const ObjectName& name,
                      std::vector<std::string>& messages) {
  for (const Reference& reference : kReferences) {
    if (reference.section != name.first) continue;
    for (const std::string& user : users_of(snapshot, reference, name.second, 1)) {
      messages.push_back(
          fmt::format("{}:{}: In use by {} {}", name.first, name.second, reference.type, user));
    }
  }
}

void check_preferences(const store::Snapshot& snapshot, const ObjectName& name,
                       std::vector<std::string>& messages) {
  for (const prefs::PreferenceRule& rule : prefs::preference_table()) {
    if (rule.object_type != name.first || prefs::stored_preference(snapshot, rule) != name.second) continue;
    messages.push_back(fmt::format("{} {} is the active {}, cannot remove it",
                                   model::find_object_type(name.first)->type, name.second, rule.name));
  }
}

std::vector<ObjectName> vanishing(const Stack& before, const Stack& after) {
  std::vector<ObjectName> out;
  for (const auto& [name, body] : before.effective()) {
    if (after.holder(name) == nullptr) out.push_back(name);
  }
  return out;
}

Result<void> in_use(std::vector<std::string> messages) {
  if (messages.empty()) return {};
  return Error(ErrorCode::kConflict, "StillInUseError", "contents", "", std::move(messages));
}

}  // namespace

Result<void> check_vanishing(const store::Snapshot& snapshot, const Stack& before, const Stack& after) {
  std::vector<std::string> messages;
  for (const ObjectName& name : vanishing(before, after)) {
    if (messages.size() >= kMostUses) break;
    check_references(snapshot, name, messages);
    check_preferences(snapshot, name, messages);
  }
  return in_use(std::move(messages));
}

Result<void> check_vanishing_preferences(const store::Snapshot& snapshot, const Stack& before,
                                         const Stack& after) {
  std::vector<std::string> messages;
  for (const ObjectName& name : vanishing(before, after)) check_preferences(snapshot, name, messages);
  return in_use(std::move(messages));
}

std::vector<ObjectName> users_of_vanishing(const store::Snapshot& snapshot, const Stack& before,
                                           const Stack& after) {
  std::vector<ObjectName> out;
  for (const ObjectName& name : vanishing(before, after)) {
    for (const Reference& reference : kReferences) {
      if (reference.section != name.first) continue;
      for (const std::string& user : users_of(snapshot, reference, name.second, kMostUses))
        out.emplace_back(reference.type, user);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > kMostUses) out.resize(kMostUses);
  return out;
}

}  // namespace mullion::packs
