// What the account that follows may see at an endpoint, as far as the endpoint tells it: user, roles, tenant.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "mirror/internal/api.h"

namespace mullion::mirror {

enum class Sight {
  kMay,      // what is not found is not there
  kMayNot,   // it may be there all the same
  kUnknown,  // the endpoint does not tell enough
};

/// The rights of one account at one moment. Servers answer "not found" for what it may not see, and their
/// lists leave it out; what its roles and its tenant allow tells that from deletions. Pure.
class Rights {
 public:
  static constexpr size_t kMostRoles = 10;

  /// Adds what a Role object allows.
  void add_role(std::string_view role);
  /// Takes the one of these Tenant objects that has the account among its users, if there is one.
  void take_tenant(std::string_view tenants, std::string_view account);
  /// Not all of its roles are told, or not its tenant; the first reason is kept.
  void lack_roles(std::string why);
  void lack_tenant(std::string why);

  /// Why not all of it is known; "" it is.
  const std::string& unknown() const { return roles_unknown_.empty() ? tenant_unknown_ : roles_unknown_; }
  Sight of(std::string_view prefix, std::string_view key) const;
  /// Of every object of the collection, whoever owns it: kMay or kUnknown.
  Sight of_all(std::string_view prefix) const;

 private:
  bool covers(std::string_view prefix, auth::Subject subject) const;

  std::vector<auth::Claim> claims_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> members_;  // of its tenant
  std::string roles_unknown_, tenant_unknown_;
};

/// The roles that a User object names; absent: it does not tell.
std::optional<std::vector<std::string>> roles_of(std::string_view user);

/// Asks for the account's user, roles and tenant: at most 2 + Rights::kMostRoles requests. What is not
/// answered is lacking.
env::Task<Rights> read_rights(Api& api, std::string account);

/// Whether an event of this type and key tells that the rights of the account may have changed.
bool tells_of_rights(std::string_view type, std::string_view key, std::string_view account);

}  // namespace mullion::mirror
