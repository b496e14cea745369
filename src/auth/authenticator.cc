// Who is asking: passwords and tokens.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "auth/auth.h"
#include "auth/internal/accounts.h"
#include "auth/internal/codec.h"
#include "auth/internal/credentials.h"
#include "auth/internal/failed_logins.h"
#include "auth/internal/log.h"
#include "auth/internal/login_memory.h"
#include "auth/internal/password.h"
#include "auth/internal/token.h"
#include "base/base64.h"
#include "env/random.h"
#include "model/members.h"

namespace mullion::auth {

namespace json = boost::json;

/// A token, or the mark of the stored hash that the password was verified against.
struct Principal::Proof {
  std::string token;
  std::string password_mark;
  bool peer_is_loopback = false;
};

namespace {

constexpr int64_t kClockSkew = 30;  // seconds a token may seem to come from the future
constexpr size_t kMaxPassword = 1024;
constexpr auto kSoon = std::chrono::milliseconds(100);  // a wait that may end before authenticate() looks
constexpr std::string_view kDefaultHash = "default";    // stands for the password everybody knows

Error unauthorized(std::string message) {
  return Error(ErrorCode::kUnauthorized, "AUTH", "", "", {std::move(message)});
}
/// As reference servers say it: without a Type, about users.
Error bad_login() { return Error(ErrorCode::kUnauthorized, "", "users", "", {"Access Denied"}); }
Error bad_token() { return unauthorized("Invalid token"); }
Error remote_default() {
  return unauthorized(
      fmt::format("The default password of user {} is accepted from this host only; change it there first",
                  kDefaultUser));
}

Error slowed_down(env::Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return Error(ErrorCode::kTooManyRequests, "AUTH", "", "",
               {fmt::format("Too many failed logins, try again in {} s", seconds)});
}

int64_t seconds_of(env::WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// A name that anybody may send, fit for one line of the log.
std::string printable(std::string_view name) {
  constexpr size_t kLongest = 100;
  std::string out(name.substr(0, kLongest));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) <= ' ') c = '_';
  }
  return out;
}

bool has_default_password(std::string_view user, const SecretRecord& record) {
  return user == kDefaultUser && record.password_hash.empty();
}

/// A part a client left open restricts nothing.
std::string open_part(const std::string& part) { return part.empty() || part == "all" ? "*" : part; }

std::vector<Claim> restricted(const std::vector<Claim>& claims, const Claim& restriction) {
  const Claim wanted{open_part(restriction.scope), open_part(restriction.action),
                     open_part(restriction.specific)};
  std::vector<Claim> out;
  for (const Claim& claim : claims) {
    if (auto both = intersect(claim, wanted)) out.push_back(std::move(*both));
  }
  return out;
}

/// Rights are of users, roles, tenants and private values; a machine's end with it.
store::Interest what_rights_come_from() {
  store::Interest out;
  out.rules = {{"users"}, {"roles"}, {"tenants"}};
  out.rules.push_back({.type = "machines", .removals_only = true});
  out.secrets = true;
  return out;
}

/// By which a password's hash is known again: what a caller proved is kept without the hash itself.
std::string mark_of(std::string_view password_hash) { return salted_digest("proof", password_hash); }

/// Who made, and whom speak for, the tokens that the server gives to its own programs.
constexpr std::string_view kServer = "system";

class StoreAuthenticator final : public Authenticator {
 public:
  StoreAuthenticator(store::Store& store, const env::Clock& clock)
      : store_(store),
        clock_(clock),
        tenants_(store),
        rights_(store::attach_feed(store, "rights", what_rights_come_from(), store::CommitFeed::kNothing)),
        verified_(clock),
        failures_(clock) {}

  Result<Principal> authenticate(const Credentials& credentials) override {
    const uint64_t generation = this->generation();
    auto principal = identify(credentials, generation);
    if (!principal) return principal;
    principal->generation = generation;
    if (credentials.on_behalf_of.empty()) return principal;
    if (covers(principal->claims, {"system", "replicate", Subject::none()})) {
      principal->on_behalf_of = claimed_name(credentials.on_behalf_of);
    }
    return principal;
  }

  Result<Principal> renew(const Principal& principal) override;
  Result<std::string> keep(const Principal& principal) const override;
  Result<Principal> recall(std::string_view kept) override;
  uint64_t generation() const override { return rights_->newest(); }
  env::Signal changes() const override { return *rights_->signal(); }
  TenantDirectory& tenants() override { return tenants_; }

  bool needs_hashing(const Credentials& credentials) const override {
    const Presented presented = parse_credentials(credentials);
    if (presented.kind != Presented::Kind::kPassword) return false;
    const SecretRecord record = read_secrets(*store_.snapshot(), "users", presented.user);
    if (has_default_password(presented.user, record)) return false;
    // Who has to wait is told so at once.
    const auto wait = failures_.wait(presented.user, env::network_of(credentials.peer_address));
    if (wait && *wait > kSoon) return false;
    return !verified_.knows(presented.user, presented.password, record.password_hash);
  }

  Result<std::string> make_token(const TokenRequest& request) override;

  std::string hash_password(std::string_view password) const override { return argon2id(password); }

  void forget(std::string_view user) override { verified_.forget(user); }

 private:
  /// `generation`: read before anything that it covers.
  Result<Principal> identify(const Credentials& credentials, uint64_t generation) {
    const Presented presented = parse_credentials(credentials);
    switch (presented.kind) {
      case Presented::Kind::kPassword:
        return by_password(presented, credentials);
      case Presented::Kind::kToken:
        return by_token(presented.token, credentials.peer_is_loopback, generation);
      case Presented::Kind::kUnknownScheme:
        return unauthorized("Unknown authorization scheme: use Basic or Bearer");
      case Presented::Kind::kNothing:
        break;
    }
    return unauthorized("Authentication required");
  }

  Result<Principal> by_password(const Presented& presented, const Credentials& credentials);
  Result<void> check_password(const Presented& presented, const Credentials& credentials,
                              const SecretRecord& record, bool user_exists);
  Result<Principal> by_token(std::string_view token, bool peer_is_loopback, uint64_t generation);
  Result<void> check_lifetime(int64_t issued, int64_t expires) const;
  Result<Principal> of_token(const store::Snapshot& snapshot, const TokenContent& content,
                             bool peer_is_loopback);
  Result<Principal> user_of_token(const store::Snapshot& snapshot, const TokenContent& content,
                                  bool peer_is_loopback);
  Result<Principal> machine_of_token(const store::Snapshot& snapshot, const TokenContent& content);
  Result<Principal> prove_again(const Principal& principal);
  std::string binding_of(const store::Snapshot& snapshot, const TokenContent& content) const;
  std::string token_key(const store::Snapshot& snapshot) const {
    return snapshot.secret("state", "baseTokenSecret").value_or("");
  }

  store::Store& store_;
  const env::Clock& clock_;
  TenantDirectory tenants_;
  const std::shared_ptr<store::CommitFeed> rights_;
  VerifiedLogins verified_;
  VerifiedTokens tokens_;
  FailedLogins failures_;
};

Principal user_principal(std::string_view user, std::vector<Claim> claims, bool whole) {
  Principal principal;
  principal.name = fmt::format("user:{}", user);
  principal.user = std::string(user);
  principal.claims = std::move(claims);
  // A restricted token must not be a way to an unrestricted one. A name that claims would read as several,
  // or as all, gets no right from being one's own.
  if (!is_claim_item(user)) return principal;
  principal.claims.push_back({"users", whole ? "get,password,token" : "get", std::string(user)});
  return principal;
}

Result<Principal> StoreAuthenticator::by_password(const Presented& presented,
                                                  const Credentials& credentials) {
  const auto snapshot = store_.snapshot();
  // The server's own tokens speak for this name: nobody logs in by it.
  const auto roles = presented.user == kServer ? std::nullopt : user_roles(*snapshot, presented.user);
  const SecretRecord record = roles ? read_secrets(*snapshot, "users", presented.user) : SecretRecord{};
  auto checked = check_password(presented, credentials, record, roles.has_value());
  if (!checked) return checked.error();
  Principal principal = user_principal(presented.user, claims_of_roles(*snapshot, *roles), true);
  principal.tenant = tenants_.of(presented.user);
  principal.proof = std::make_shared<Principal::Proof>(
      Principal::Proof{"", mark_of(record.password_hash), credentials.peer_is_loopback});
  return principal;
}

Result<Principal> StoreAuthenticator::renew(const Principal& principal) {
  const uint64_t generation = this->generation();
  // Not known is not allowed: whatever stays open ends then.
  Result<Principal> now = store::as_result([&] { return prove_again(principal); });
  if (!now) return now;
  now->on_behalf_of = principal.on_behalf_of;
  now->proof = principal.proof;
  now->generation = generation;
  return now;
}

Result<std::string> StoreAuthenticator::keep(const Principal& principal) const {
  if (!principal.proof) return Error(ErrorCode::kConflict, "this caller cannot be known again later");
  return json::serialize(json::object{{"User", principal.user},
                                      {"Token", principal.proof->token},
                                      {"PasswordMark", principal.proof->password_mark},
                                      {"Loopback", principal.proof->peer_is_loopback},
                                      {"OnBehalfOf", principal.on_behalf_of}});
}

Result<Principal> StoreAuthenticator::recall(std::string_view kept) {
  const json::object object = model::parse_object(kept);
  Principal principal;
  principal.user = model::text_member(object, "User");
  principal.on_behalf_of = model::text_member(object, "OnBehalfOf");
  const Principal::Proof proof{model::text_member(object, "Token"),
                               model::text_member(object, "PasswordMark"),
                               model::flag_member(object, "Loopback")};
  if (proof.token.empty() && proof.password_mark.empty()) return bad_token();  // nothing was proved
  principal.proof = std::make_shared<Principal::Proof>(proof);
  return renew(principal);
}

Result<Principal> StoreAuthenticator::prove_again(const Principal& principal) {
  if (!principal.proof) return principal;
  const Principal::Proof& proof = *principal.proof;
  const auto snapshot = store_.snapshot();
  if (!proof.token.empty()) {
    const auto content = verify_token(proof.token, token_key(*snapshot));
    if (!content) return bad_token();
    return of_token(*snapshot, *content, proof.peer_is_loopback);
  }
  const auto roles = user_roles(*snapshot, principal.user);
  const std::string hash = read_secrets(*snapshot, "users", principal.user).password_hash;
  if (!roles || mark_of(hash) != proof.password_mark) return bad_login();
  Principal now = user_principal(principal.user, claims_of_roles(*snapshot, *roles), true);
  now.tenant = tenants_.of(principal.user);
  return now;
}

Result<void> StoreAuthenticator::check_password(const Presented& presented, const Credentials& credentials,
                                                const SecretRecord& record, bool user_exists) {
  const bool by_default = user_exists && has_default_password(presented.user, record);
  const std::string_view stored = by_default ? kDefaultHash : std::string_view(record.password_hash);
  if (user_exists && !by_default && verified_.knows(presented.user, presented.password, stored)) return {};
  const env::Network from = env::network_of(credentials.peer_address);
  if (const auto wait = failures_.wait(presented.user, from)) return slowed_down(*wait);
  if (presented.password.size() > kMaxPassword) return bad_login();

  bool good = false;
  if (by_default) {
    good = equal_constant_time(presented.password, kDefaultPassword);
  } else if (user_exists && !stored.empty()) {
    good = verify_password(stored, presented.password);
  } else {
    waste_verification(presented.password);
  }
  if (!good) {
    failures_.failed(presented.user, from);
    kLog.audit("login refused user={} address={}", printable(presented.user), credentials.peer_address);
    return bad_login();
  }
  failures_.succeeded(presented.user, from);
  if (!by_default) kLog.audit("Authenticated user {} from {}", presented.user, credentials.peer_address);
  if (by_default) return credentials.peer_is_loopback ? Result<void>{} : Result<void>(remote_default());
  verified_.remember(presented.user, presented.password, stored);
  return {};
}

std::string StoreAuthenticator::binding_of(const store::Snapshot& snapshot,
                                           const TokenContent& content) const {
  const bool of_machine = !content.machine.empty();
  const SecretRecord subject =
      read_secrets(snapshot, of_machine ? "machines" : "users", of_machine ? content.machine : content.user);
  const SecretRecord grantor =
      content.grantor == "system" ? SecretRecord{} : read_secrets(snapshot, "users", content.grantor);
  return token_binding(token_key(snapshot),
                       {snapshot.secret("state", "systemGrantorSecret").value_or(""), subject.secret,
                        subject.password_hash, grantor.secret, grantor.password_hash});
}

Result<void> StoreAuthenticator::check_lifetime(int64_t issued, int64_t expires) const {
  const int64_t now = seconds_of(clock_.wall());
  if (issued > now + kClockSkew) return unauthorized("Invalid token: not valid yet");
  if (expires != 0 && expires <= now) return unauthorized("Invalid token: expired");
  return {};
}

Result<Principal> StoreAuthenticator::by_token(std::string_view token, bool peer_is_loopback,
                                               uint64_t generation) {
  if (const VerifiedTokenPtr known = tokens_.find(token, peer_is_loopback, generation)) {
    Result<void> alive = check_lifetime(known->issued, known->expires);
    return alive ? known->principal : Result<Principal>(alive.error());
  }
  const auto snapshot = store_.snapshot();
  const auto content = verify_token(token, token_key(*snapshot));
  if (!content) return bad_token();
  if (Result<void> alive = check_lifetime(content->issued, content->expires); !alive) return alive.error();
  Result<Principal> principal = of_token(*snapshot, *content, peer_is_loopback);
  if (!principal) return principal;
  principal->generation = generation;
  principal->proof =
      std::make_shared<Principal::Proof>(Principal::Proof{std::string(token), "", peer_is_loopback});
  // What a machine may do depends on the machine itself, whose changes generations do not count.
  if (content->machine.empty()) {
    tokens_.remember(std::make_shared<VerifiedToken>(
        VerifiedToken{std::string(token), peer_is_loopback, content->issued, content->expires, *principal}));
  }
  return principal;
}

/// Whom a token speaks for, whatever the time.
Result<Principal> StoreAuthenticator::of_token(const store::Snapshot& snapshot, const TokenContent& content,
                                               bool peer_is_loopback) {
  if (!equal_constant_time(content.binding, binding_of(snapshot, content))) {
    return unauthorized("Invalid token: revoked");
  }
  const bool grantor_exists =
      content.grantor == "system" || user_roles(snapshot, content.grantor).has_value();
  if (!grantor_exists) return unauthorized("Invalid token: revoked");
  if (content.machine.empty()) return user_of_token(snapshot, content, peer_is_loopback);
  return machine_of_token(snapshot, content);
}

Result<Principal> StoreAuthenticator::machine_of_token(const store::Snapshot& snapshot,
                                                       const TokenContent& content) {
  auto claims = machine_claims(snapshot, content.machine);
  if (!claims) return unauthorized("Invalid token: unknown machine");
  Principal principal;
  principal.name = "runner:" + content.machine;
  principal.claims = content.restriction ? restricted(*claims, *content.restriction) : std::move(*claims);
  // Else a tenant's user would see through a machine what is hidden from that user.
  if (content.grantor != "system") principal.tenant = tenants_.of(content.grantor);
  return principal;
}

Result<Principal> StoreAuthenticator::user_of_token(const store::Snapshot& snapshot,
                                                    const TokenContent& content, bool peer_is_loopback) {
  if (content.user == kServer && content.grantor == kServer) {
    Principal principal;
    principal.name = "system";
    principal.claims = {{"*", "*", "*"}};
    if (content.restriction) principal.claims = restricted(principal.claims, *content.restriction);
    return principal;
  }
  const auto roles = user_roles(snapshot, content.user);
  if (!roles) return unauthorized("Invalid token: unknown user");
  const SecretRecord record = read_secrets(snapshot, "users", content.user);
  if (has_default_password(content.user, record) && !peer_is_loopback) return remote_default();

  std::vector<Claim> claims = claims_of_roles(snapshot, *roles);
  if (content.roles) {
    std::vector<Claim> limited = claims_of_roles(snapshot, *content.roles);
    std::erase_if(limited, [&claims](const Claim& claim) { return !covers_claim(claims, claim); });
    claims = std::move(limited);
  }
  if (content.restriction) claims = restricted(claims, *content.restriction);
  Principal principal =
      user_principal(content.user, std::move(claims), !content.roles && !content.restriction);
  principal.tenant = tenants_.of(content.user);
  return principal;
}

/// The wanted roles that add nothing to what the user may do already.
std::vector<std::string> contained_roles(const store::Snapshot& snapshot,
                                         const std::vector<std::string>& held,
                                         const std::vector<std::string>& wanted) {
  const std::vector<Claim> claims = claims_of_roles(snapshot, held);
  std::vector<std::string> kept;
  for (const std::string& role : wanted) {
    const auto role_has = role_claims(snapshot, role);
    const bool inside = std::all_of(role_has.begin(), role_has.end(),
                                    [&claims](const Claim& claim) { return covers_claim(claims, claim); });
    if (inside && !role_has.empty()) kept.push_back(role);
  }
  return kept;
}

Error no_such(std::string_view type, const std::string& key) {
  return Error(ErrorCode::kNotFound, "GET", std::string(type), key, {"Not Found"});
}

Result<std::string> StoreAuthenticator::make_token(const TokenRequest& request) {
  if (request.ttl <= env::Duration::zero())
    return Error(ErrorCode::kBadRequest, "ttl must be more than 0 seconds");
  const auto snapshot = store_.snapshot();
  TokenContent content;
  content.user = request.machine.empty() ? request.user : "";
  content.machine = request.machine;
  content.grantor = request.grantor;
  content.restriction = request.restrict_to;
  const env::WallTime now = clock_.wall();
  content.issued = seconds_of(now);
  // Tokens tell whole seconds. Rounded up, a token never lives shorter than was asked for.
  if (request.ttl != kForever)
    content.expires = std::chrono::ceil<std::chrono::seconds>(now + request.ttl).time_since_epoch().count();
  if (!content.machine.empty()) {
    if (!snapshot->get_local("machines", content.machine)) return no_such("machines", content.machine);
  } else if (content.user != "system" || content.grantor != "system") {
    const auto held = user_roles(*snapshot, content.user);
    if (!held) return no_such("users", content.user);
    if (!request.roles.empty()) content.roles = contained_roles(*snapshot, *held, request.roles);
  }
  content.binding = binding_of(*snapshot, content);
  kLog.audit("token made {}={} grantor={}", content.machine.empty() ? "user" : "machine",
             content.machine.empty() ? content.user : content.machine, content.grantor);
  return sign_token(content, token_key(*snapshot));
}

}  // namespace

std::unique_ptr<Authenticator> make_authenticator(store::Store& store, const env::Clock& clock) {
  for (const std::string_view name : {"baseTokenSecret", "systemGrantorSecret"}) {
    // Without the secret no token verifies: logins by password still work, so the server may start.
    if (auto made = ensure_state_secret(store, name); !made) {
      kLog.error("cannot store secret name={} error={}", name, made.error().text());
    }
  }
  return std::make_unique<StoreAuthenticator>(store, clock);
}

std::optional<std::vector<Claim>> effective_claims(const store::Snapshot& snapshot, std::string_view user) {
  const auto roles = user_roles(snapshot, user);
  if (!roles) return std::nullopt;
  return user_principal(user, claims_of_roles(snapshot, *roles), true).claims;
}

std::string claimed_name(std::string_view text) {
  std::string out;
  for (const unsigned char c : text.substr(0, kLongestClaim)) {
    const bool plain = c > ' ' && c < 0x7f && c != '(' && c != ')';
    out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  out.resize(std::min(out.size(), kLongestClaim));
  return out;
}

std::string make_secret() {
  std::array<unsigned char, 12> bytes{};  // 16 characters
  env::secure_random(bytes);
  return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

store::SecretChange password_change(const Authenticator& authenticator, std::string_view user,
                                    std::string_view password) {
  return {"users", std::string(user), secrets_json({authenticator.hash_password(password), make_secret()})};
}

store::SecretChange rotate_secret(const store::Snapshot& snapshot, std::string_view space,
                                  std::string_view key) {
  SecretRecord record = read_secrets(snapshot, space, key);
  record.secret = make_secret();
  return {std::string(space), std::string(key), secrets_json(record)};
}

}  // namespace mullion::auth
