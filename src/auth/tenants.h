// Tenants: which objects exist for whom (contract auth.md section 4).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/store.h"

namespace mullion::auth {

/// Which object is meant: one that exists, or one to be made. Borrowed texts.
struct Identity {
  std::string_view type;
  std::string_view owner;  // kOwn, kLayered or an endpoint id
  std::string_view key;
};

/// How roles and tenants spell an object: by its key when it is this server's, else "/OWNER/KEY".
std::string spelled(std::string_view owner, std::string_view key);
/// The object that such a text means. A text that begins with "/" and names no owner means no object.
store::ObjectRef object_spelled(std::string_view text);

/// What exists for the users of one tenant. Immutable, shareable.
class Tenancy {
 public:
  using Members = std::map<std::string, store::ObjectSetPtr, std::less<>>;
  Tenancy(std::string name, Members members) : name_(std::move(name)), members_(std::move(members)) {}
  const std::string& name() const { return name_; }
  /// The objects that exist of a collection; null when the tenant does not restrict it.
  store::ObjectSetPtr members(std::string_view prefix) const;
  bool restricts(std::string_view prefix) const { return members(prefix) != nullptr; }
  bool hides(const Identity& object) const;

 private:
  std::string name_;
  Members members_;
};
using TenancyPtr = std::shared_ptr<const Tenancy>;

/// Who belongs to which tenant, as of the newest commit. Replicas of tenants bind nobody here. Thread-safe.
class TenantDirectory {
 public:
  explicit TenantDirectory(store::Store& store);
  TenantDirectory(const TenantDirectory&) = delete;
  TenantDirectory& operator=(const TenantDirectory&) = delete;

  /// The tenant of a user, null when there is none.
  TenancyPtr of(std::string_view user);
  /// Names of the tenants that list the object, or the user when it is one of this server.
  std::vector<std::string> holding(const Identity& object);

 private:
  struct Entry {
    TenancyPtr tenancy;
    std::set<std::string, std::less<>> users;
  };
  void refresh() REQUIRES(mutex_);
  void take_changes() REQUIRES(mutex_);
  void read_again(const store::Snapshot& snapshot, const std::string& name) REQUIRES(mutex_);

  store::Store& store_;
  const std::shared_ptr<store::CommitFeed> feed_;
  Mutex mutex_;
  bool all_changed_ GUARDED_BY(mutex_) = true;
  std::set<std::string, std::less<>> changed_ GUARDED_BY(mutex_);  // tenants to be read again
  std::map<std::string, Entry, std::less<>> tenants_ GUARDED_BY(mutex_);
  std::map<std::string, TenancyPtr, std::less<>> by_user_ GUARDED_BY(mutex_);
};

/// The change that adds a new object to a tenant, for the batch that creates it. Absent when the tenant does
/// not restrict the collection or lists the key already; kInvalid when the tenant lies in a content pack.
Result<std::optional<store::Change>> join_tenant(const store::Snapshot& snapshot, const Tenancy& tenancy,
                                                 const Identity& object);
/// The changes that take an object out of every tenant, for the batch that deletes it. A user leaves its
/// tenant too. Tenants of content packs stay as they are.
std::vector<store::Change> leave_tenants(const store::Snapshot& snapshot, TenantDirectory& directory,
                                         const Identity& object);
/// Whether the text of a tenant lists the object among its members.
bool tenant_lists(std::string_view tenant_body, const Identity& object);
/// "User X is already in tenant Y" for each of `users` that another tenant than `name` has; "in another
/// tenant" when `shows` says that whoever asks must not hear of Y.
std::vector<std::string> users_elsewhere(const store::Snapshot& snapshot, std::string_view name,
                                         const std::vector<std::string>& users,
                                         const std::function<bool(std::string_view tenant)>& shows);

}  // namespace mullion::auth
