// Who asks, and may they? Every route passes through Authenticator and authorise().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/tenants.h"
#include "base/result.h"
#include "env/clock.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::auth {

/// One claim (contract auth.md section 3). Each part: "*", a word, or a comma list.
struct Claim {
  std::string scope, action, specific;
};

/// What a right is about. Claims that name a key are about the object of this server; another owner's object
/// is named "/OWNER/KEY" (docs/security.md). There is no way to make a subject without saying whose it is.
class Subject {
 public:
  /// All there is in the scope, whoever owns it: only claims with "*" cover it.
  static Subject everything();
  /// No single object: a collection, or an action of a server.
  static Subject none();
  /// What this server has under `name`: an object's key, the path of a file.
  static Subject here(std::string name);
  /// What `owner` has under `name`; kOwn and kLayered mean this server.
  static Subject of(std::string_view owner, std::string name);

  /// Whether one item of a claim's specific is, or includes, this subject.
  bool named_by(std::string_view item) const;
  /// As claims spell it.
  const std::string& text() const { return text_; }

 private:
  Subject(std::string text, bool nameable) : text_(std::move(text)), nameable_(nameable) {}
  std::string text_;
  bool nameable_;
};

/// A right a request needs: one scope, one action ("update:/Params/x", "action:NAME"), one subject.
struct Right {
  std::string scope, action;
  Subject subject;
};

/// Who is asking, with everything needed to decide without another look-up.
struct Principal {
  std::string name;  // "user:rocketskates", "runner:UUID", "system"
  std::string user;  // user name, empty for machines and the system
  std::vector<Claim> claims;
  std::string on_behalf_of;  // what a manager claims to act for: "user:bob@M1", made by claimed_name()
  TenancyPtr tenant;         // null: every object exists for this caller
  uint64_t generation = 0;   // Authenticator::generation() that the claims and the tenant are of
  struct Proof;
  std::shared_ptr<const Proof> proof;  // how Authenticator::renew() knows the caller again
  /// Whether the object exists for this caller. Users always see themselves: the user of this server.
  bool sees(const Identity& object) const;
  /// Whether it is a machine of this server, which sees this server's objects alone.
  bool is_machine() const { return user.empty() && name.starts_with("runner:"); }
  /// Whether it is this caller's own account.
  bool is_self(const Identity& object) const;
  /// The objects of a collection that exist; null when all do.
  store::ObjectSetPtr visible_objects(std::string_view prefix) const;
  /// For every line and event that says who did something. What a manager only claims is marked as such.
  std::string audit_name() const {
    return on_behalf_of.empty() ? name : on_behalf_of + " (claimed by " + name + ")";
  }
};

/// Longest name that a manager may claim to act for, in bytes.
inline constexpr size_t kLongestClaim = 256;
/// A name as managers tell it each other: blanks, parentheses and everything beyond printable ASCII as %XX,
/// so that it can neither end a line nor pass for the mark of another claim; cut to kLongestClaim. Pure.
std::string claimed_name(std::string_view text);

/// Whether claims can name `text`: it is one item, which no claim reads as several names, as all, or as
/// another owner's object.
bool is_claim_item(std::string_view text);
/// Claim containment of auth.md section 3. Pure.
bool covers(const std::vector<Claim>& claims, const Right& right);
/// Whether one claim of `claims` covers the whole of `wanted`, whose parts may be lists. A role contains
/// another when this holds for every claim of the other.
bool covers_claim(const std::vector<Claim>& claims, const Claim& wanted);
/// The objects that `claims` name for `action` in `scope`, sorted; absent: all of them.
std::optional<std::vector<store::ObjectRef>> allowed_objects(const std::vector<Claim>& claims,
                                                             std::string_view scope, std::string_view action);
/// Whether some claim allows `action`, or at least a part of it ("update:/Field"), for this subject.
bool covers_partly(const std::vector<Claim>& claims, const Right& right);
/// What both `a` and `b` allow; absent when they have nothing in common.
std::optional<Claim> intersect(const Claim& a, const Claim& b);
/// The one check: kForbidden with "Cannot access URI" and "Requires: scope action subject" when not covered.
Result<void> authorise(const Principal& principal, const Right& right, std::string_view uri);

struct Credentials {
  std::string authorization;  // header value, may be empty
  std::string query_token;    // ?token=, websockets only
  std::string on_behalf_of;   // X-Mullion-On-Behalf-Of; believed only of principals with `system replicate`
  bool peer_is_loopback = false;
  std::string peer_address;
};

struct TokenRequest {
  std::string user;     // whom the token speaks for
  std::string grantor;  // principal user who asked, or "system"
  std::string machine;  // set for machine tokens instead of user
  env::Duration ttl = std::chrono::seconds(600);
  std::vector<std::string> roles;  // limit to these, empty = all the user's
  std::optional<Claim> restrict_to;
};

/// The lifetime of tokens that never expire.
inline constexpr env::Duration kForever = env::Duration::max();
/// "600", "1h", "1h30m", "3y", "never" -> duration; kBadRequest with the contract's text otherwise.
Result<env::Duration> parse_ttl(std::string_view text);

// Tokens that the server makes itself (auth.md section 2), all revoked with the system grantor secret.
/// A machine nobody knows yet: create and get machines.
TokenRequest unknown_machine_token(env::Duration ttl);
/// What a known machine may do for itself.
TokenRequest known_machine_token(std::string_view uuid, env::Duration ttl);
/// Get and update one profile; `ttl` is cut to a year: such tokens end up in boot files.
TokenRequest profile_token(std::string_view profile, env::Duration ttl);

/// Everything a user's roles allow, and what every user may do without a role; absent when there is no such
/// user here.
std::optional<std::vector<Claim>> effective_claims(const store::Snapshot& snapshot, std::string_view user);

/// Thread-safe. Password hashing is slow (Argon2id): call authenticate() through env::run_blocking when
/// needs_hashing() says so.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// kUnauthorized ("Access Denied", "Invalid token", ...), kTooManyRequests when slowed down.
  virtual Result<Principal> authenticate(const Credentials& credentials) = 0;
  /// False when the answer is in the memory of verified logins or needs no hashing.
  virtual bool needs_hashing(const Credentials& credentials) const = 0;
  /// kNotFound when the user or machine does not exist, kBadRequest for a lifetime that is not positive.
  virtual Result<std::string> make_token(const TokenRequest& request) = 0;
  /// The value stored as secret PasswordHash (Argon2id text).
  virtual std::string hash_password(std::string_view password) const = 0;
  /// The same caller with the rights of now, without hashing: for conversations that last. kUnauthorized when
  /// the user is gone, the password changed or the token was revoked; the token's end does not count.
  virtual Result<Principal> renew(const Principal& principal) = 0;
  /// What recall() needs to know the caller again, also after a restart: for work that is carried on in the
  /// caller's name. As secret as a login; belongs into a private value of the store. kConflict for callers
  /// that no user or machine stands behind.
  virtual Result<std::string> keep(const Principal& principal) const = 0;
  /// The caller that keep() was told of, with the rights of now; errors as renew().
  virtual Result<Principal> recall(std::string_view kept) = 0;
  /// Grows whenever something changed that principals are made from: time to renew().
  virtual uint64_t generation() const = 0;
  /// Notified after generation() has grown. Copies share one signal.
  virtual env::Signal changes() const = 0;
  virtual TenantDirectory& tenants() = 0;
  /// Called when a user's password or secrets changed: forgets remembered logins.
  virtual void forget(std::string_view user) = 0;
};
std::unique_ptr<Authenticator> make_authenticator(store::Store& store, const env::Clock& clock);

/// A fresh value for User.Secret or Machine.Secret: 16 URL-safe characters.
std::string make_secret();
/// The change of the store's secrets that sets a password, and a new Secret with it, so that every token that
/// speaks for `user` or was granted by it ends. Slow (hashes): call it through env::run_blocking; call
/// Authenticator::forget() once it is committed.
store::SecretChange password_change(const Authenticator& authenticator, std::string_view user,
                                    std::string_view password);
/// The change that ends every token of a user or machine without touching the password. `space` is "users" or
/// "machines".
store::SecretChange rotate_secret(const store::Snapshot& snapshot, std::string_view space,
                                  std::string_view key);

/// Secrets in the store: space "users" key NAME -> {"PasswordHash","Secret"} JSON; space "machines" key UUID
/// ->
/// {"Secret"}; space "box-keys" key "prefix/KEY" -> NaCl key pair; space "state" key "baseTokenSecret",
/// "systemGrantorSecret".
inline constexpr std::string_view kDefaultUser = "rocketskates";
inline constexpr std::string_view kDefaultPassword = "r0cketsk8ts";

// Secure parameters (auth.md section 5): NaCl box; SecureData JSON {"Key","Nonce","Payload"}.
struct KeyPair {
  std::string public_key, private_key;  // raw 32 bytes each
};
KeyPair make_key_pair();
/// The object's key pair; kNotFound when none is stored: nothing that it sealed is kept then.
Result<KeyPair> object_key_pair(const store::Store& store, std::string_view prefix, std::string_view key);
/// The same for whoever wants to seal: without a stored pair the one that kept_key_pair() would store. It is
/// the same until this process ends or forget_told_key_pair() is called. Writes nothing, never waits.
/// kInvalid for a key that no object can have.
Result<KeyPair> told_key_pair(const store::Store& store, std::string_view prefix, std::string_view key);
/// The object's key pair, stored when it was not: before something is kept that it seals. Blocks until
/// durable: not from coroutines.
Result<KeyPair> kept_key_pair(store::Store& store, std::string_view prefix, std::string_view key);
/// The same for many objects, (prefix, key) each, in their order; those that are missing are stored in one
/// commit.
Result<std::vector<KeyPair>> kept_key_pairs(store::Store& store,
                                            const std::vector<std::pair<std::string, std::string>>& objects);
/// To be called when an object and its pair are removed: one that is made later under the same key is told
/// another pair, which does not open what was sealed for its predecessor.
void forget_told_key_pair(std::string_view prefix, std::string_view key);
/// SecureData JSON text of `clear_json`, sealed for `public_key` (32 raw bytes).
std::string seal(std::string_view public_key, std::string_view clear_json);
/// The same for a public key as `pubkey` routes tell it, in base64. kInvalid when it is none.
Result<std::string> seal_for(std::string_view public_key_base64, std::string_view clear_json);
/// Hex of BLAKE2b-256 over salt and text: to recognise a secret again without keeping it.
std::string salted_digest(std::string_view salt, std::string_view text);
/// Clear JSON text; kInvalid with "Key must be 32 bytes long", "Nonce must be 24 bytes long", "SecureData
/// corrupted".
Result<std::string> open_sealed(const KeyPair& pair, std::string_view secure_data_json);
/// True when `json_text` is an object with exactly Key, Nonce, Payload strings.
bool is_secure_data(std::string_view json_text);

/// The licence as GET /info shows it and as gates ask for it.
struct Licence {
  bool manager = true;
  std::string bundle_json;            // LicenseBundle
  bool community = true;              // false when a signed licence was accepted
  std::vector<std::string> features;  // active ones, sorted
  bool has(std::string_view feature) const;
};
/// Pack `rackn-license` verified against trusted Ed25519 keys (base64 of 32 bytes each), else the built-in
/// community licence (every feature). The signed text is base64(LicenseBundle JSON) "." base64(signature over
/// that JSON).
Licence current_licence(const store::Store& store, const std::vector<std::string>& trusted_keys,
                        const env::Clock& clock);

}  // namespace mullion::auth
