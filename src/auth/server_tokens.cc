// Tokens that templates and boot files carry.
#include <algorithm>

#include "auth/auth.h"

namespace mullion::auth {

namespace {

constexpr env::Duration kYear = std::chrono::hours(24 * 365);

TokenRequest system_token(Claim claim, env::Duration ttl) {
  TokenRequest request;
  request.user = "system";
  request.grantor = "system";
  request.ttl = ttl;
  request.restrict_to = std::move(claim);
  return request;
}

}  // namespace

TokenRequest unknown_machine_token(env::Duration ttl) {
  return system_token({"machines", "create,get", "*"}, ttl);
}

TokenRequest known_machine_token(std::string_view uuid, env::Duration ttl) {
  TokenRequest request;
  request.machine = std::string(uuid);
  request.grantor = "system";
  request.ttl = ttl;
  return request;
}

TokenRequest profile_token(std::string_view profile, env::Duration ttl) {
  const std::string specific(is_claim_item(profile) ? profile : "");
  return system_token({"profiles", "get,update", specific}, std::min(ttl, kYear));
}

}  // namespace mullion::auth
