// Tenants: which objects exist for whom (contract auth.md section 4).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace mullion::auth {

/// What exists for the users of one tenant. Immutable, shareable.
class Tenancy {
 public:
  using Members = std::map<std::string, store::KeySetPtr, std::less<>>;
  Tenancy(std::string name, Members members) : name_(std::move(name)), members_(std::move(members)) {}
  const std::string& name() const { return name_; }
  /// The keys that exist of a collection; null when the tenant does not restrict it.
  store::KeySetPtr members(std::string_view prefix) const;
  bool restricts(std::string_view prefix) const { return members(prefix) != nullptr; }
  bool hides(std::string_view prefix, std::string_view key) const;

 private:
  std::string name_;
  Members members_;
};
using TenancyPtr = std::shared_ptr<const Tenancy>;

/// Who belongs to which tenant, as of the newest commit. Replicas of tenants bind nobody here. Thread-safe.
class TenantDirectory {
 public:
  explicit TenantDirectory(store::Store& store);
  ~TenantDirectory();
  TenantDirectory(const TenantDirectory&) = delete;
  TenantDirectory& operator=(const TenantDirectory&) = delete;

  /// The tenant of a user, null when there is none.
  TenancyPtr of(std::string_view user);
  /// Names of the tenants that list the object, or the user when it is one.
  std::vector<std::string> holding(std::string_view prefix, std::string_view key);

 private:
  struct Entry {
    TenancyPtr tenancy;
    std::set<std::string, std::less<>> users;
  };
  void follow(const store::Commit& commit);
  void refresh();
  void read_again(const store::Snapshot& snapshot, const std::string& name);

  store::Store& store_;
  uint64_t subscription_ = 0;
  std::mutex changed_mutex_;
  std::set<std::string> changed_;  // tenants to be read again
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> tenants_;
  std::map<std::string, TenancyPtr, std::less<>> by_user_;
};

/// The change that adds a new object to a tenant, for the batch that creates it. Absent when the tenant does
/// not restrict the collection or lists the key already; kInvalid when the tenant lies in a content pack.
Result<std::optional<store::Change>> join_tenant(const store::Snapshot& snapshot, const Tenancy& tenancy,
                                                 std::string_view prefix, std::string_view key);
/// The changes that take an object out of every tenant, for the batch that deletes it. A user leaves its
/// tenant too. Tenants of content packs stay as they are.
std::vector<store::Change> leave_tenants(const store::Snapshot& snapshot, TenantDirectory& directory,
                                         std::string_view prefix, std::string_view key);
/// Whether the text of a tenant lists the object among its members.
bool tenant_lists(std::string_view tenant_body, std::string_view prefix, std::string_view key);
/// "User X is already in tenant Y" for each of `users` that another tenant than `name` has.
std::vector<std::string> users_elsewhere(const store::Snapshot& snapshot, std::string_view name,
                                         const std::vector<std::string>& users);

}  // namespace mullion::auth
