#include "auth/tenants.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "auth/auth.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::auth {

namespace {

namespace json = boost::json;
constexpr std::string_view kType = "tenants";
constexpr std::string_view kUsers = "users";

std::vector<std::string> texts_in(const json::value* list) {
  std::vector<std::string> out;
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& item : list->get_array()) {
    if (item.is_string()) out.emplace_back(std::string_view(item.get_string()));
  }
  return out;
}

const json::object* members_of(const json::object& tenant) {
  const json::value* members = tenant.if_contains("Members");
  return members == nullptr ? nullptr : members->if_object();
}

/// Keys as objects have them: people write addresses in more than one way.
store::ObjectSetPtr object_set(std::string_view prefix, const std::vector<std::string>& texts) {
  const model::ObjectType* type = model::find_object_type(prefix);
  std::vector<store::ObjectRef> objects;
  for (const std::string& text : texts) {
    store::ObjectRef object = object_spelled(text);
    if (type != nullptr) object.key = model::canonical_key(*type, object.key);
    objects.push_back(std::move(object));
  }
  return std::make_shared<store::ObjectSet>(std::move(objects));
}

/// An unchanged list keeps its set, and with it what the engine remembers about it.
store::ObjectSetPtr same_or_new(const TenancyPtr& before, std::string_view prefix, store::ObjectSetPtr set) {
  const store::ObjectSetPtr old = before ? before->members(prefix) : nullptr;
  return old && old->objects() == set->objects() ? old : set;
}

TenancyPtr tenancy_of(std::string_view name, const json::object& tenant, const TenancyPtr& before) {
  Tenancy::Members members;
  if (const json::object* lists = members_of(tenant)) {
    for (const auto& [prefix, keys] : *lists)
      members[std::string(prefix)] = same_or_new(before, prefix, object_set(prefix, texts_in(&keys)));
  }
  return std::make_shared<Tenancy>(std::string(name), std::move(members));
}

/// Whether a member, however it is written, means the object.
bool means(const json::value& item, const Identity& object) {
  return item.is_string() &&
         object_set(object.type, {std::string(item.get_string())})->contains(object.owner, object.key);
}

bool remove_member(json::value* list, const Identity& object) {
  if (list == nullptr || !list->is_array()) return false;
  json::array& items = list->get_array();
  const auto gone = std::remove_if(items.begin(), items.end(),
                                   [&object](const json::value& item) { return means(item, object); });
  if (gone == items.end()) return false;
  items.erase(gone, items.end());
  return true;
}

store::Change change_of(const store::StoredObject& stored, const json::object& tenant) {
  store::Change change;
  change.id = stored.id;
  change.body = model::canonical_body(*model::find_object_type(kType), tenant);
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(stored.body);
  return change;
}

std::optional<store::Change> without(const store::StoredObject& stored, const Identity& object) {
  std::optional<json::object> tenant = model::read_object(stored.body);
  if (!tenant) return std::nullopt;
  json::value* members = tenant->if_contains("Members");
  bool changed = false;
  if (members != nullptr && members->is_object())
    changed = remove_member(members->get_object().if_contains(object.type), object);
  if (object.type == kUsers) changed = remove_member(tenant->if_contains("Users"), object) || changed;
  if (!changed) return std::nullopt;
  return change_of(stored, *tenant);
}

}  // namespace

std::string spelled(std::string_view owner, std::string_view key) {
  return store::is_remote(owner) ? fmt::format("/{}/{}", owner, key) : std::string(key);
}

store::ObjectRef object_spelled(std::string_view text) {
  if (!text.starts_with('/')) return {std::string(text), std::string(store::kOwn)};
  const size_t end = text.find('/', 1);
  if (end == std::string_view::npos || end == 1) return {};
  return {std::string(text.substr(end + 1)), std::string(text.substr(1, end - 1))};
}

store::ObjectSetPtr Tenancy::members(std::string_view prefix) const {
  const auto found = members_.find(prefix);
  return found == members_.end() ? nullptr : found->second;
}

bool Tenancy::hides(const Identity& object) const {
  const auto found = members_.find(object.type);
  return found != members_.end() && !found->second->contains(object.owner, object.key);
}

bool Principal::is_self(const Identity& object) const {
  return object.type == kUsers && !store::is_remote(object.owner) && !user.empty() && object.key == user;
}

bool Principal::sees(const Identity& object) const {
  if (is_machine() && store::is_remote(object.owner)) return false;
  return is_self(object) || tenant == nullptr || !tenant->hides(object);
}

store::ObjectSetPtr Principal::visible_objects(std::string_view prefix) const {
  store::ObjectSetPtr objects = tenant == nullptr ? nullptr : tenant->members(prefix);
  if (objects == nullptr || prefix != kUsers || user.empty() || objects->contains(store::kOwn, user))
    return objects;
  std::vector<store::ObjectRef> with_self = objects->objects();
  with_self.push_back({user, std::string(store::kOwn)});
  return std::make_shared<store::ObjectSet>(std::move(with_self));
}

TenantDirectory::TenantDirectory(store::Store& store)
    : store_(store), feed_(store::attach_feed(store, "tenants", {.rules = {{std::string(kType)}}})) {
  refresh();
}

void TenantDirectory::take_changes() {
  const store::CommitFeed::Taken taken = feed_->take();
  all_changed_ = all_changed_ || !taken.whole;
  for (const auto& commit : taken.commits) {
    for (const store::AppliedChange& change : commit->changes) {
      if (change.id.type == kType && !store::is_remote(change.id.owner)) changed_.insert(change.id.key);
    }
  }
}

/// What changed is taken before the view is opened, so the view is never too old for it; what
/// cannot be read is read again by whoever asks next: nobody is judged by what was.
void TenantDirectory::refresh() {
  take_changes();
  if (!all_changed_ && changed_.empty()) return;
  const auto snapshot = store_.snapshot();
  if (all_changed_) {
    for (const auto& [name, entry] : tenants_) changed_.insert(name);
    snapshot->scan(kType, "",
                   [this](std::string_view key, std::string_view owner, std::string_view) REQUIRES(mutex_) {
                     if (!store::is_remote(owner)) changed_.emplace(key);
                     return true;
                   });
    all_changed_ = false;
  }
  for (const std::string& name : changed_) read_again(*snapshot, name);
  changed_.clear();
  by_user_.clear();
  for (const auto& [name, entry] : tenants_) {
    for (const std::string& user : entry.users) by_user_.emplace(user, entry.tenancy);  // the first wins
  }
}

void TenantDirectory::read_again(const store::Snapshot& snapshot, const std::string& name) {
  const auto stored = snapshot.get_local(kType, name);
  const std::optional<json::object> tenant = stored ? model::read_object(stored->body) : std::nullopt;
  if (!tenant) {
    tenants_.erase(name);
    return;
  }
  Entry& entry = tenants_[name];
  entry.tenancy = tenancy_of(name, *tenant, entry.tenancy);
  const std::vector<std::string> users = texts_in(tenant->if_contains("Users"));
  entry.users = {users.begin(), users.end()};
}

TenancyPtr TenantDirectory::of(std::string_view user) {
  const Lock lock(mutex_);
  refresh();
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? nullptr : found->second;
}

std::vector<std::string> TenantDirectory::holding(const Identity& object) {
  const Lock lock(mutex_);
  refresh();
  std::vector<std::string> names;
  for (const auto& [name, entry] : tenants_) {
    const store::ObjectSetPtr members = entry.tenancy->members(object.type);
    const bool as_user =
        object.type == kUsers && !store::is_remote(object.owner) && entry.users.contains(object.key);
    if (as_user || (members && members->contains(object.owner, object.key))) names.push_back(name);
  }
  return names;
}

Result<std::optional<store::Change>> join_tenant(const store::Snapshot& snapshot, const Tenancy& tenancy,
                                                 const Identity& object) {
  using Joining = std::optional<store::Change>;
  if (!tenancy.restricts(object.type)) return Joining();
  const auto stored = snapshot.get_local(kType, tenancy.name());
  std::optional<json::object> tenant = stored ? model::read_object(stored->body) : std::nullopt;
  json::value* members = tenant ? tenant->if_contains("Members") : nullptr;
  if (members == nullptr || !members->is_object()) return Joining();
  json::value* keys = members->get_object().if_contains(object.type);
  if (keys == nullptr || !keys->is_array() || tenant_lists(stored->body, object)) return Joining();
  if (stored->id.owner != store::kOwn) {
    return Error(ErrorCode::kInvalid, "CREATE", std::string(object.type), std::string(object.key),
                 {fmt::format("Tenant {} belongs to a content pack, so nothing can be added to it: ask an "
                              "administrator to create the object",
                              tenancy.name())});
  }
  keys->get_array().emplace_back(spelled(object.owner, object.key));
  return Joining(change_of(*stored, *tenant));
}

std::vector<store::Change> leave_tenants(const store::Snapshot& snapshot, TenantDirectory& directory,
                                         const Identity& object) {
  std::vector<store::Change> changes;
  for (const std::string& name : directory.holding(object)) {
    const auto stored = snapshot.get_local(kType, name);
    if (!stored || stored->id.owner != store::kOwn) continue;
    if (auto change = without(*stored, object)) changes.push_back(std::move(*change));
  }
  return changes;
}

bool tenant_lists(std::string_view tenant_body, const Identity& object) {
  const std::optional<json::object> tenant = model::read_object(tenant_body);
  const json::object* members = tenant ? members_of(*tenant) : nullptr;
  if (members == nullptr) return false;
  return object_set(object.type, texts_in(members->if_contains(object.type)))
      ->contains(object.owner, object.key);
}

std::vector<std::string> users_elsewhere(const store::Snapshot& snapshot, std::string_view name,
                                         const std::vector<std::string>& users,
                                         const std::function<bool(std::string_view tenant)>& shows) {
  std::vector<std::string> problems;
  const auto compare = [&](std::string_view key, std::string_view owner, std::string_view body) {
    if (store::is_remote(owner) || key == name) return true;
    const std::optional<json::object> tenant = model::read_object(body);
    if (!tenant) return true;
    for (const std::string& user : texts_in(tenant->if_contains("Users"))) {
      if (std::ranges::find(users, user) == users.end()) continue;
      const std::string where = shows(key) ? fmt::format("tenant {}", key) : std::string("another tenant");
      problems.push_back(fmt::format("User {} is already in {}", user, where));
    }
    return true;
  };
  snapshot.scan(kType, "", compare);
  return problems;
}

}  // namespace mullion::auth
