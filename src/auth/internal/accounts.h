// Users, machines and roles as the store holds them, in the form that authentication needs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "store/store.h"

namespace mullion::auth {

/// The private record of a user or machine. Empty strings where nothing is stored.
struct SecretRecord {
  std::string password_hash;
  std::string secret;
};
SecretRecord read_secrets(const store::Snapshot& snapshot, std::string_view space, std::string_view key);
std::string secrets_json(const SecretRecord& record);

/// Names of the user's roles; absent when there is no such user here (replicas do not count).
std::optional<std::vector<std::string>> user_roles(const store::Snapshot& snapshot, std::string_view user);
/// Claims of one role; empty when it does not exist.
std::vector<Claim> role_claims(const store::Snapshot& snapshot, std::string_view role);
std::vector<Claim> claims_of_roles(const store::Snapshot& snapshot, const std::vector<std::string>& roles);
/// What a machine may do for itself (auth.md section 2); absent when there is no such machine here.
std::optional<std::vector<Claim>> machine_claims(const store::Snapshot& snapshot, std::string_view uuid);

/// A secret of space "state", made (32 characters) when absent. Blocks: for start-up only.
Result<void> ensure_state_secret(store::Store& store, std::string_view name);

}  // namespace mullion::auth
