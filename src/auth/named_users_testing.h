// For tests of work that goes on in a user's name: users who prove who they are by their names alone.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/auth.h"
#include "base/mutex.h"

namespace mullion::auth::testing {

/// "NAME" is the login of NAME until end_login(). Thread-safe.
class NamedUsers final : public Authenticator {
 public:
  explicit NamedUsers(store::Store& store) : tenants_(store) {}
  void end_login(const std::string& name) {
    {
      const Lock lock(mutex_);
      ended_.insert(name);
      ++generation_;
    }
    changes_.notify_all();
  }
  /// From now on nobody can be read, or everybody again.
  void fail_reads(bool fails) {
    fails_ = fails;
    ++generation_;
    changes_.notify_all();
  }
  /// How often nobody could be read.
  uint64_t failures() const { return failures_; }
  /// Without any, a user has no rights.
  void set_claims(const std::string& name, std::vector<Claim> claims) {
    {
      const Lock lock(mutex_);
      claims_[name] = std::move(claims);
      ++generation_;
    }
    changes_.notify_all();
  }
  static Principal principal(const std::string& name) {
    Principal out;
    out.name = "user:" + name;
    out.user = name;
    return out;
  }

  Result<Principal> authenticate(const Credentials&) override { return Error(); }
  bool needs_hashing(const Credentials&) const override { return false; }
  Result<std::string> make_token(const TokenRequest&) override { return Error(); }
  std::string hash_password(std::string_view) const override { return ""; }
  Result<Principal> renew(const Principal& principal) override { return recall(principal.user); }
  Result<std::string> keep(const Principal& principal) const override { return principal.user; }
  Result<Principal> recall(std::string_view kept) override {
    if (fails_) {
      ++failures_;
      return Error(ErrorCode::kInternal, "read: the disk had no luck");
    }
    const Lock lock(mutex_);
    const std::string name(kept);
    if (name.empty() || ended_.contains(name))
      return Error(ErrorCode::kUnauthorized, "Invalid token: revoked");
    Principal out = principal(name);
    if (const auto found = claims_.find(name); found != claims_.end()) out.claims = found->second;
    out.generation = generation_;
    return out;
  }
  uint64_t generation() const override { return generation_; }
  env::Signal changes() const override { return changes_; }
  TenantDirectory& tenants() override { return tenants_; }
  void forget(std::string_view) override {}

 private:
  mutable Mutex mutex_;
  std::set<std::string> ended_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<Claim>> claims_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> generation_{1}, failures_{0};
  std::atomic<bool> fails_{false};
  env::Signal changes_;
  TenantDirectory tenants_;
};

}  // namespace mullion::auth::testing
