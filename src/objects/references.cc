#include "objects/references.h"

#include "base/json.h"
#include "model/index_value.h"
#include "objects/lookup.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

/// At most so many referrers are named in a refusal.
constexpr size_t kMostNamed = 64;

constexpr Reference kReferences[] = {
    {"roles", "users", "Roles", "", "User"},
    {"profiles", "machines", "Profiles", "", "Machine"},
    {"profiles", "stages", "Profiles", "", "Stage"},
    {"profiles", "profiles", "Profiles", "", "Profile"},
    {"stages", "machines", "Stage", "", "Machine"},
    {"stages", "workflows", "Stages", "", "Workflow"},
    {"bootenvs", "machines", "BootEnv", "", "Machine"},
    {"bootenvs", "stages", "BootEnv", "", "Stage"},
    {"workflows", "machines", "Workflow", "", "Machine"},
    {"tasks", "stages", "Tasks", "", "Stage"},
    {"tasks", "machines", "Tasks", "", "Machine"},
    {"tasks", "tasks", "", "Prerequisites", "Task"},
    {"templates", "bootenvs", "", "Templates", "BootEnv"},
    {"templates", "stages", "", "Templates", "Stage"},
    {"templates", "tasks", "", "Templates", "Task"},
    {"contexts", "machines", "Context", "", "Machine", false},
    {"pools", "machines", "Pool", "", "Machine", false},
    {"pools", "pools", "ParentPool", "", "Pool", false},
    // What an endpoint lacks is said with its plan.
    {"version_sets", "endpoints", "", "VersionSets", "Endpoint", false},
    {"plugin_providers", "plugins", "Provider", "", "Plugin"},
};

/// What people call an object: its Name when it has one.
std::string name_of(const store::Snapshot& snapshot, std::string_view prefix, const store::ObjectRef& ref) {
  std::optional<std::string> body = snapshot.get({std::string(prefix), ref.owner, ref.key});
  if (!body) return ref.key;
  const std::string_view name = model::raw_member(*body, "Name");
  if (name.size() < 3) return ref.key;
  return std::string(name.substr(1, name.size() - 2));
}

bool names_one_of(const json::value& item, const std::set<std::string>& keys) {
  const json::value* key = item.is_object() ? item.get_object().if_contains("ID") : &item;
  return key != nullptr && key->is_string() && keys.contains(std::string(key->get_string()));
}

/// Whether the list `member` of a stored body has an entry that names one of `keys`.
bool list_names(std::string_view body, std::string_view member, const std::set<std::string>& keys) {
  const std::string_view text = model::raw_member(body, member);
  if (text.size() <= 2) return false;
  const Result<json::value> list = parse_json(text);
  if (!list || !list->is_array()) return false;
  return std::ranges::any_of(list->get_array(),
                             [&](const json::value& item) { return names_one_of(item, keys); });
}

std::vector<store::ObjectRef> searched(const store::Snapshot& snapshot, const Reference& reference,
                                       const std::set<std::string>& keys) {
  std::vector<store::ObjectRef> found;
  scan_local(snapshot, reference.referrer, [&](std::string_view key, std::string_view body) {
    if (!list_names(body, reference.member, keys)) return true;
    const std::optional<store::StoredObject> shown = snapshot.get_local(reference.referrer, key);
    if (shown) found.push_back({shown->id.key, shown->id.owner});
    return true;
  });
  return found;
}

}  // namespace

std::span<const Reference> references() { return kReferences; }

std::vector<store::ObjectRef> referrers(const Context& context, const store::Snapshot& snapshot,
                                        const Reference& reference, const std::set<std::string>& keys,
                                        size_t most) {
  if (reference.index.empty()) return searched(snapshot, reference, keys);
  std::vector<store::ObjectRef> found;
  for (const std::string& key : keys) {
    for (store::ObjectRef& ref :
         refs_by_index(context, snapshot, reference.referrer, reference.index, key, true, most)) {
      found.push_back(std::move(ref));
    }
  }
  return found;
}

std::vector<std::string> references_to(const Context& context, const store::Snapshot& snapshot,
                                       const Rights& rights, std::string_view prefix,
                                       const std::string& key) {
  std::vector<std::string> reasons;
  for (const Reference& reference : kReferences) {
    if (reference.target != prefix) continue;
    size_t hidden = 0;
    for (const store::ObjectRef& ref : referrers(context, snapshot, reference, {key}, kMostNamed)) {
      if (reasons.size() == kMostNamed) return reasons;
      if (!rights.sees({reference.referrer, ref.owner, ref.key})) {
        ++hidden;
        continue;
      }
      reasons.push_back(
          fmt::format("In use by {} {}", reference.kind, name_of(snapshot, reference.referrer, ref)));
    }
    if (hidden != 0) reasons.push_back(fmt::format("In use by {} hidden {}", hidden, reference.kind));
  }
  return reasons;
}

}  // namespace mullion::objects
