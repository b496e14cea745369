// Tokens: what they say and how they are signed. base64url(JSON) "." base64url(HMAC-SHA-512/256).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"

namespace mullion::auth {

struct TokenContent {
  std::string user;  // one of user and machine
  std::string machine;
  std::string grantor;                            // a user name or "system"
  int64_t issued = 0;                             // seconds since 1970
  int64_t expires = 0;                            // 0: never
  std::optional<std::vector<std::string>> roles;  // absent: all the user's
  std::optional<Claim> restriction;
  std::string binding;  // see token_binding()
};

/// `key`: 32 bytes (baseTokenSecret).
std::string sign_token(const TokenContent& content, std::string_view key);
/// Absent when malformed or not signed with `key`. Does not look at times or bindings.
std::optional<TokenContent> verify_token(std::string_view token, std::string_view key);
/// A hash over the secrets that must all stay the same for a token to stay valid.
std::string token_binding(std::string_view key, const std::vector<std::string>& secrets);

}  // namespace mullion::auth
