// Who asks, and may they? Every route passes through Authenticator and authorise().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/store.h"

namespace mullion::auth {

/// One claim (contract auth.md section 3). Each part: "*", a word, or a comma list.
struct Claim {
  std::string scope, action, specific;
};

/// A right a request needs: one scope, one action ("update:/Params/x", "action:NAME"), one specific ("" allowed).
struct Right {
  std::string scope, action, specific;
};

/// Who is asking, with everything needed to decide without another look-up.
struct Principal {
  std::string name;             // "user:rocketskates", "runner:UUID", "system"
  std::string user;             // user name, empty for machines and the system
  std::vector<Claim> claims;
  std::string on_behalf_of;     // set when a manager acts for somebody: "user:bob@M1"
  std::string audit_name() const { return on_behalf_of.empty() ? name : on_behalf_of + " via " + name; }
};

/// Claim containment of auth.md section 3. Pure.
bool covers(const std::vector<Claim>& claims, const Right& right);
/// The one check: kForbidden with "Cannot access URI" and "Requires: scope action specific" when not covered.
Result<void> authorise(const Principal& principal, const Right& right, std::string_view uri);

struct Credentials {
  std::string authorization;  // header value, may be empty
  std::string query_token;    // ?token=, websockets only
  std::string on_behalf_of;   // X-Mullion-On-Behalf-Of; honoured only for principals with `system replicate`
  bool peer_is_loopback = false;
  std::string peer_address;
};

struct TokenRequest {
  std::string user;           // whom the token speaks for
  std::string grantor;        // principal user who asked, or "system"
  std::string machine;        // set for machine tokens instead of user
  env::Duration ttl = std::chrono::seconds(600);
  std::vector<std::string> roles;  // limit to these, empty = all the user's
  std::optional<Claim> restrict_to;
};

/// "600", "1h", "3y", "never" -> duration; kBadRequest with the contract's text otherwise.
Result<env::Duration> parse_ttl(std::string_view text);

/// Thread-safe. Password hashing is slow (Argon2id): call authenticate() through env::run_blocking when
/// needs_hashing() says so.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// kUnauthorized ("Invalid user or password", "Invalid token", ...), kTooManyRequests when slowed down.
  virtual Result<Principal> authenticate(const Credentials& credentials) = 0;
  /// False when the answer is in the memory of verified logins or needs no hashing.
  virtual bool needs_hashing(const Credentials& credentials) const = 0;
  virtual Result<std::string> make_token(const TokenRequest& request) = 0;
  /// The value stored as secret PasswordHash (Argon2id text).
  virtual std::string hash_password(std::string_view password) const = 0;
  /// Called when a user's password or secrets changed: forgets remembered logins.
  virtual void forget(std::string_view user) = 0;
};
std::unique_ptr<Authenticator> make_authenticator(store::Store& store,
                                                  const env::Clock& clock = env::system_clock());

/// Secrets in the store: space "users" key NAME -> {"PasswordHash","Secret"} JSON; space "machines" key UUID ->
/// {"Secret"}; space "box-keys" key "prefix/KEY" -> NaCl key pair; space "state" key "baseTokenSecret",
/// "systemGrantorSecret".
inline constexpr std::string_view kDefaultUser = "rocketskates";
inline constexpr std::string_view kDefaultPassword = "r0cketsk8ts";

// Secure parameters (auth.md section 5): NaCl box; SecureData JSON {"Key","Nonce","Payload"}.
struct KeyPair {
  std::string public_key, private_key;  // raw 32 bytes each
};
KeyPair make_key_pair();
/// The object's key pair, made and stored on first use. `write` false: kNotFound when there is none.
Result<KeyPair> object_key_pair(store::Store& store, std::string_view prefix, std::string_view key);
/// SecureData JSON text of `clear_json`, sealed for `public_key` (32 raw bytes).
std::string seal(std::string_view public_key, std::string_view clear_json);
/// Clear JSON text; kInvalid with "Key must be 32 bytes long", "Nonce must be 24 bytes long", "SecureData corrupted".
Result<std::string> open_sealed(const KeyPair& pair, std::string_view secure_data_json);
/// True when `json_text` is an object with exactly Key, Nonce, Payload strings.
bool is_secure_data(std::string_view json_text);

/// The licence as GET /info shows it and as gates ask for it.
struct Licence {
  bool manager = true;
  std::string bundle_json;  // LicenseBundle
};
/// Pack `rackn-license` verified against trusted Ed25519 keys, else the built-in community licence (every feature).
Licence current_licence(const store::Store& store, const std::vector<std::string>& trusted_keys);

}  // namespace mullion::auth
