#include "api/internal/references.h"

#include "api/internal/resolve.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

struct Reference {
  std::string_view target;    // prefix of what is referred to
  std::string_view referrer;  // prefix of who refers
  std::string_view index;     // index of the referrer that holds the target's key
  std::string_view kind;      // word in the message
};

constexpr Reference kReferences[] = {
    {"roles", "users", "Roles", "User"},
    {"profiles", "machines", "Profiles", "Machine"},
    {"profiles", "stages", "Profiles", "Stage"},
    {"profiles", "profiles", "Profiles", "Profile"},
    {"stages", "machines", "Stage", "Machine"},
    {"stages", "workflows", "Stages", "Workflow"},
    {"bootenvs", "machines", "BootEnv", "Machine"},
    {"bootenvs", "stages", "BootEnv", "Stage"},
    {"workflows", "machines", "Workflow", "Machine"},
    {"tasks", "stages", "Tasks", "Stage"},
    {"tasks", "machines", "Tasks", "Machine"},
    {"contexts", "machines", "Context", "Machine"},
    {"pools", "machines", "Pool", "Machine"},
    {"pools", "pools", "ParentPool", "Pool"},
};

/// What people call an object: its Name when it has one.
std::string name_of(const store::Snapshot& snapshot, std::string_view prefix, const store::ObjectRef& ref) {
  Result<std::string> body = snapshot.get({std::string(prefix), ref.owner, ref.key});
  if (!body) return ref.key;
  const std::string_view name = model::raw_member(*body, "Name");
  if (name.size() < 3) return ref.key;
  return std::string(name.substr(1, name.size() - 2));
}

}  // namespace

std::vector<std::string> references_to(const Services& services, const store::Snapshot& snapshot,
                                       std::string_view prefix, const std::string& key) {
  std::vector<std::string> reasons;
  for (const Reference& reference : kReferences) {
    if (reference.target != prefix) continue;
    for (const store::ObjectRef& ref :
         refs_by_index(services, snapshot, reference.referrer, reference.index, key, true)) {
      reasons.push_back(
          fmt::format("In use by {} {}", reference.kind, name_of(snapshot, reference.referrer, ref)));
    }
  }
  return reasons;
}

}  // namespace mullion::api
