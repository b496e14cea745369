// What the process remembers about logins that verified lately.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/auth.h"
#include "base/mutex.h"
#include "env/clock.h"

namespace mullion::auth {

/// Verified (user, password) pairs for one minute, as keyed hashes only. A pair counts only while the stored
/// hash it was verified against is still the current one. Thread-safe.
class VerifiedLogins {
 public:
  explicit VerifiedLogins(const env::Clock& clock);
  bool knows(std::string_view user, std::string_view password, std::string_view stored_hash) const;
  void remember(std::string_view user, std::string_view password, std::string_view stored_hash);
  void forget(std::string_view user);

 private:
  struct Entry {
    std::string user;
    env::SteadyTime until;
  };
  std::string fingerprint(std::string_view user, std::string_view password,
                          std::string_view stored_hash) const;
  void drop_expired() REQUIRES(mutex_);

  const env::Clock& clock_;
  std::string key_;  // of this process only
  mutable Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
};

/// Whom a token speaks for: true as long as users, roles, tenants and secrets are what they were.
struct VerifiedToken {
  std::string token;
  bool peer_is_loopback = false;
  int64_t issued = 0;   // seconds since 1970
  int64_t expires = 0;  // 0: never
  Principal principal;  // its generation is that of Authenticator::generation()
};
using VerifiedTokenPtr = std::shared_ptr<const VerifiedToken>;

/// Tokens that verified, so that a request costs no reading of users and roles. Thread-safe, bounded.
class VerifiedTokens {
 public:
  VerifiedTokens();
  /// Null when the token is not known, or what it was verified against is not the current `generation`.
  VerifiedTokenPtr find(std::string_view token, bool peer_is_loopback, uint64_t generation) const;
  void remember(VerifiedTokenPtr token);

 private:
  uint64_t slot_of(std::string_view token) const;

  std::array<unsigned char, 16> key_{};  // of this process only: nobody can choose who shares a slot
  mutable Mutex mutex_;
  std::unordered_map<uint64_t, VerifiedTokenPtr> slots_ GUARDED_BY(mutex_);
};

}  // namespace mullion::auth
