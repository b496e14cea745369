#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <boost/json/serialize.hpp>

#include "auth/auth.h"
#include "auth/internal/codec.h"
#include "base/base64.h"
#include "model/object.h"
#include "store/flaky_testing.h"

namespace mullion::auth {
namespace {

using std::chrono::seconds;

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base64_encode(user + ":" + password);
}

/// scrypt text as older databases and content packs carry it, with a small cost.
std::string scrypt_text(const std::string& password) {
  unsigned char key[32];
  const std::string salt = "0123456789abcdef";
  const int failed = crypto_pwhash_scryptsalsa208sha256_ll(
      reinterpret_cast<const unsigned char*>(password.data()), password.size(),
      reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), 1024, 8, 1, key, sizeof(key));
  EXPECT_EQ(failed, 0);
  const auto hex = [](const unsigned char* bytes, size_t count) {
    std::string out(2 * count + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), bytes, count);
    out.pop_back();
    return out;
  };
  return "1024$8$1$" + hex(reinterpret_cast<const unsigned char*>(salt.data()), salt.size()) + "$" +
         hex(key, sizeof(key));
}

TEST(ClaimedName, IsOneBoundedPrintableWord) {
  EXPECT_EQ(claimed_name("user:bob@M1"), "user:bob@M1");
  EXPECT_EQ(claimed_name("a b\n(c)\x7f\xc3\xa9"), "a%20b%0A%28c%29%7F%C3%A9");
  EXPECT_EQ(claimed_name(std::string(5000, 'x')).size(), kLongestClaim);
  EXPECT_EQ(claimed_name(std::string(5000, '\n')).size(), kLongestClaim);
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    put("roles", "superuser", R"({"Name":"superuser","Claims":[{"scope":"*","action":"*","specific":"*"}]})");
    put("roles", "reader",
        R"({"Name":"reader","Claims":[{"scope":"machines,jobs","action":"list,get","specific":"*"}]})");
    put("roles", "writer",
        R"({"Name":"writer","Claims":[{"scope":"machines","action":"*","specific":"*"}]})");
    put("users", "rocketskates", R"({"Name":"rocketskates","Roles":["superuser"]})");
    put("users", "ann", R"({"Name":"ann","Roles":["reader"]})");
    put("users", "bob", R"({"Name":"bob","Roles":["superuser","reader"]})");
    put("machines", "m1", R"({"Uuid":"m1","Address":"192.168.1.10"})");
    // scrypt with a small cost keeps these tests quick; Argon2id has its own below.
    secret("users", "ann",
           boost::json::serialize(
               boost::json::object{{"PasswordHash", scrypt_text("pw-ann")}, {"Secret", "sa"}}));
    secret("users", "bob",
           boost::json::serialize(boost::json::object{{"PasswordHash", base64_encode(scrypt_text("pw-bob"))},
                                                      {"Secret", "sb"}}));
  }

  void put(const char* type, const char* key, const char* body) {
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, std::string(body)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void erase(const char* type, const char* key) {
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, std::nullopt});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void secret(std::string space, std::string key, std::string value) {
    change({std::move(space), std::move(key), std::move(value)});
  }
  void change(store::SecretChange wanted) {
    store::Batch batch;
    batch.secrets.push_back(std::move(wanted));
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }

  Result<Principal> login(const std::string& authorization, bool loopback = true,
                          const std::string& address = "10.0.0.1") {
    return auth_->authenticate({authorization, "", "", loopback, address});
  }
  std::string message(const Result<Principal>& result) {
    return result ? "ok" : result.error().messages.front();
  }
  std::string token_for(const std::string& user, const std::string& grantor = "system") {
    TokenRequest request;
    request.user = user;
    request.grantor = grantor;
    return *auth_->make_token(request);
  }

  env::ManualClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store(clock_);
  std::unique_ptr<Authenticator> auth_ = make_authenticator(*store_, clock_);
};

TEST_F(AuthenticatorTest, BasicLogin) {
  const auto ann = login(basic("ann", "pw-ann"));
  ASSERT_TRUE(ann) << message(ann);
  EXPECT_EQ(ann->name, "user:ann");
  EXPECT_EQ(ann->user, "ann");
  EXPECT_TRUE(covers(ann->claims, {"machines", "get", Subject::here("x")}));
  EXPECT_FALSE(covers(ann->claims, {"machines", "update", Subject::here("x")}));
  EXPECT_TRUE(login(basic("bob", "pw-bob"), false));
}

TEST_F(AuthenticatorTest, BadCredentials) {
  for (const std::string& value : {basic("ann", "wrong"), basic("ann", ""), basic("nobody", "pw-ann"),
                                   basic("", ""), basic("ann", "pw-ann\n")}) {
    const auto refused = login(value);
    EXPECT_EQ(refused.error().text(), "unauthorized: users: Access Denied");
    EXPECT_EQ(refused.error().status(), 401);
  }
  EXPECT_EQ(message(login("")), "Authentication required");
  EXPECT_EQ(message(login("Digest x")), "Unknown authorization scheme: use Basic or Bearer");
  EXPECT_EQ(message(login("Bearer rubbish")), "Invalid token");
  EXPECT_EQ(message(login("Bearer")), "Invalid token");
  EXPECT_EQ(message(login("Basic !!!")), "Invalid token");
}

TEST_F(AuthenticatorTest, ImplicitRights) {
  const auto ann = *login(basic("ann", "pw-ann"));
  EXPECT_TRUE(covers(ann.claims, {"users", "get", Subject::here("ann")}));
  EXPECT_TRUE(covers(ann.claims, {"users", "password", Subject::here("ann")}));
  EXPECT_TRUE(covers(ann.claims, {"users", "token", Subject::here("ann")}));
  EXPECT_FALSE(covers(ann.claims, {"users", "get", Subject::here("bob")}));
  EXPECT_FALSE(covers(ann.claims, {"users", "password", Subject::here("bob")}));
}

TEST_F(AuthenticatorTest, DefaultAccountFromLoopbackOnlyUntilChanged) {
  const std::string header = basic("rocketskates", "r0cketsk8ts");
  EXPECT_FALSE(auth_->needs_hashing({header}));
  EXPECT_TRUE(login(header, true));
  EXPECT_THAT(message(login(header, false)), ::testing::HasSubstr("accepted from this host only"));
  EXPECT_EQ(login(header, false).error().status(), 401);
  const std::string token = token_for("rocketskates", "rocketskates");
  EXPECT_TRUE(login("Bearer " + token, true));
  EXPECT_FALSE(login("Bearer " + token, false));

  change(password_change(*auth_, "rocketskates", "better"));
  auth_->forget("rocketskates");
  EXPECT_EQ(message(login(header, true)), "Access Denied");
  EXPECT_EQ(message(login("Bearer " + token, true)), "Invalid token: revoked");
  EXPECT_TRUE(auth_->needs_hashing({basic("rocketskates", "better")}));
  EXPECT_TRUE(login(basic("rocketskates", "better"), false));
}

TEST_F(AuthenticatorTest, RemembersLoginsForAMinute) {
  const Credentials credentials{basic("ann", "pw-ann"), "", "", true, "10.0.0.1"};
  EXPECT_TRUE(auth_->needs_hashing(credentials));
  ASSERT_TRUE(auth_->authenticate(credentials));
  EXPECT_FALSE(auth_->needs_hashing(credentials));
  EXPECT_TRUE(auth_->needs_hashing({basic("ann", "other")}));
  clock_.advance(seconds(61));
  EXPECT_TRUE(auth_->needs_hashing(credentials));
  ASSERT_TRUE(auth_->authenticate(credentials));
  auth_->forget("ann");
  EXPECT_TRUE(auth_->needs_hashing(credentials));
  ASSERT_TRUE(auth_->authenticate(credentials));
  secret("users", "ann", R"({"PasswordHash":"x$y","Secret":"sa"})");
  EXPECT_FALSE(auth_->authenticate(credentials)) << "a remembered login must not outlive its password";
}

TEST_F(AuthenticatorTest, SlowsFailuresDown) {
  // Unknown users without stored hash are counted alike; the default account needs no hashing, which keeps
  // this quick.
  const std::string wrong = basic("rocketskates", "guess");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(login(wrong).error().code, ErrorCode::kUnauthorized);
  const auto slowed = login(wrong);
  EXPECT_EQ(slowed.error().code, ErrorCode::kTooManyRequests);
  EXPECT_EQ(slowed.error().messages.front(), "Too many failed logins, try again in 1 s");
  EXPECT_EQ(login(basic("rocketskates", "r0cketsk8ts")).error().code, ErrorCode::kTooManyRequests)
      << "the right password does not help while waiting";
  EXPECT_TRUE(login(basic("rocketskates", "r0cketsk8ts"), true, "10.0.0.2")) << "others are not slowed down";
  EXPECT_TRUE(login(basic("ann", "pw-ann"))) << "nor other users";

  clock_.advance(seconds(1));
  EXPECT_EQ(login(wrong).error().code, ErrorCode::kUnauthorized);
  clock_.advance(std::chrono::milliseconds(600));
  EXPECT_EQ(login(wrong).error().code, ErrorCode::kTooManyRequests) << "each failure doubles the wait";
  clock_.advance(seconds(1));
  EXPECT_TRUE(login(basic("rocketskates", "r0cketsk8ts")));
  EXPECT_EQ(login(wrong).error().code, ErrorCode::kUnauthorized) << "a success starts afresh";
}

TEST_F(AuthenticatorTest, WaitsAreBounded) {
  const std::string wrong = basic("rocketskates", "guess");
  for (int i = 0; i < 40; ++i) {
    (void)login(wrong);
    clock_.advance(std::chrono::minutes(5));
  }
  EXPECT_TRUE(login(basic("rocketskates", "r0cketsk8ts")));
}

TEST_F(AuthenticatorTest, FailuresOfOthersBehindAnAddressDoNotLockItOut) {
  for (int i = 0; i < 60; ++i) {
    for (int k = 0; k < 6; ++k) (void)login(basic("rocketskates", "guess"), true, "10.0.0.9");
    clock_.advance(seconds(10));
  }
  EXPECT_EQ(login(basic("rocketskates", "guess"), true, "10.0.0.9").error().code,
            ErrorCode::kTooManyRequests);
  EXPECT_TRUE(login(basic("ann", "pw-ann"), true, "10.0.0.9"));
  EXPECT_TRUE(login(basic("rocketskates", "r0cketsk8ts"), true, "127.0.0.1"));
}

TEST_F(AuthenticatorTest, WhoHasToWaitNeedsNoHashing) {
  const Credentials wrong{basic("ann", "guess"), "", "", false, "10.0.0.9"};
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(auth_->needs_hashing(wrong));
    EXPECT_EQ(auth_->authenticate(wrong).error().code, ErrorCode::kUnauthorized);
  }
  EXPECT_FALSE(auth_->needs_hashing(wrong));
  EXPECT_EQ(auth_->authenticate(wrong).error().code, ErrorCode::kTooManyRequests);
}

TEST_F(AuthenticatorTest, TokensInEveryPlace) {
  const std::string token = token_for("ann");
  for (const Credentials& credentials :
       {Credentials{"Bearer " + token}, Credentials{"bearer " + token}, Credentials{"Basic " + token},
        Credentials{"", token}, Credentials{"", "ann:pw-ann"}}) {
    const auto principal = auth_->authenticate(credentials);
    ASSERT_TRUE(principal) << message(principal);
    EXPECT_EQ(principal->user, "ann");
  }
  EXPECT_FALSE(auth_->needs_hashing({"Bearer " + token}));
}

TEST_F(AuthenticatorTest, ForgedTokens) {
  const std::string token = token_for("ann");
  for (size_t at = 0; at < token.size(); at += 7) {
    std::string forged = token;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(login("Bearer " + forged)) << at;
  }
  EXPECT_FALSE(login("Bearer " + token.substr(0, token.find('.') + 1)));
  EXPECT_FALSE(login("Bearer " + token + "A"));
  EXPECT_FALSE(login("Bearer ."));
  EXPECT_FALSE(login("Bearer " + std::string(100'000, 'A') + ".A"));
}

TEST_F(AuthenticatorTest, TokensExpire) {
  TokenRequest request;
  request.user = "ann";
  request.grantor = "ann";
  request.ttl = seconds(100);
  const std::string token = *auth_->make_token(request);
  request.ttl = kForever;
  const std::string forever = *auth_->make_token(request);
  clock_.advance(seconds(99));
  EXPECT_TRUE(login("Bearer " + token));
  clock_.advance(seconds(1));
  EXPECT_EQ(message(login("Bearer " + token)), "Invalid token: expired");
  clock_.advance(std::chrono::hours(24 * 365 * 20));
  EXPECT_TRUE(login("Bearer " + forever));
  request.ttl = seconds(0);
  EXPECT_EQ(auth_->make_token(request).error().code, ErrorCode::kBadRequest);
}

// Whoever watches something that stays open ends it then: an exception would end the watching instead.
TEST_F(AuthenticatorTest, RightsThatCannotBeReadAreNone) {
  store::FlakyStore flaky(*store_);
  const std::unique_ptr<Authenticator> watching = make_authenticator(flaky, clock_);
  const Result<Principal> ann = watching->authenticate({basic("ann", "pw-ann")});
  ASSERT_TRUE(ann);
  flaky.fail(100);
  const Result<Principal> unknown = watching->renew(*ann);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInternal);
  flaky.fail(0);
  EXPECT_TRUE(watching->renew(*ann));
}

TEST_F(AuthenticatorTest, ATokenLivesAtLeastAsLongAsWasAskedFor) {
  clock_.advance(std::chrono::milliseconds(900));
  TokenRequest request;
  request.user = "ann";
  request.grantor = "ann";
  request.ttl = seconds(1);
  const std::string token = *auth_->make_token(request);
  clock_.advance(std::chrono::milliseconds(999));
  EXPECT_TRUE(login("Bearer " + token));
  clock_.advance(seconds(1));
  EXPECT_EQ(message(login("Bearer " + token)), "Invalid token: expired");
}

struct Rotation {
  const char* name;
  const char* space;
  const char* key;
  bool revokes_users;     // token of ann granted by bob
  bool revokes_machines;  // token of m1 granted by bob
  bool revokes_system;    // token of m1 granted by the system
};
class RotationTest : public AuthenticatorTest, public testing::WithParamInterface<Rotation> {};

TEST_P(RotationTest, EndsExactlyTheTokensConcerned) {
  const Rotation& rotation = GetParam();
  TokenRequest machine;
  machine.machine = "m1";
  machine.grantor = "bob";
  const std::string of_user = "Bearer " + token_for("ann", "bob");
  const std::string of_machine = "Bearer " + *auth_->make_token(machine);
  machine.grantor = "system";
  const std::string by_system = "Bearer " + *auth_->make_token(machine);
  ASSERT_TRUE(login(of_user));
  ASSERT_TRUE(login(of_machine));
  ASSERT_TRUE(login(by_system));

  if (std::string_view(rotation.space) == "state") {
    secret("state", rotation.key, std::string(32, 'z'));
  } else {
    change(rotate_secret(*store_->snapshot(), rotation.space, rotation.key));
  }
  EXPECT_EQ(login(of_user).ok(), !rotation.revokes_users);
  EXPECT_EQ(login(of_machine).ok(), !rotation.revokes_machines);
  EXPECT_EQ(login(by_system).ok(), !rotation.revokes_system);
}

INSTANTIATE_TEST_SUITE_P(
    Secrets, RotationTest,
    ::testing::Values(Rotation{"base", "state", "baseTokenSecret", true, true, true},
                      Rotation{"system", "state", "systemGrantorSecret", true, true, true},
                      Rotation{"user", "users", "ann", true, false, false},
                      Rotation{"machine", "machines", "m1", false, true, true},
                      Rotation{"grantor", "users", "bob", true, true, false},
                      Rotation{"unrelated", "users", "rocketskates", false, false, false}),
    [](const auto& info) { return info.param.name; });

TEST_F(AuthenticatorTest, TokensEndWithTheirUser) {
  const std::string token = "Bearer " + token_for("ann");
  erase("users", "ann");
  EXPECT_FALSE(login(token));
  EXPECT_EQ(login(basic("ann", "pw-ann")).error().code, ErrorCode::kUnauthorized);
  TokenRequest request;
  request.user = "ann";
  EXPECT_EQ(auth_->make_token(request).error().code, ErrorCode::kNotFound);
}

TEST_F(AuthenticatorTest, ARememberedTokenFollowsEveryChangeAtOnce) {
  const std::string token = "Bearer " + token_for("bob", "ann");
  const auto may_update = [&] {
    const auto bob = login(token);
    return bob ? std::string(covers(bob->claims, {"machines", "update", Subject::here("x")}) ? "may"
                                                                                             : "may not")
               : message(bob);
  };
  EXPECT_EQ(may_update(), "may");
  put("users", "bob", R"({"Name":"bob","Roles":["reader"]})");
  EXPECT_EQ(may_update(), "may not");
  put("roles", "updater",
      R"({"Name":"updater","Claims":[{"scope":"machines","action":"update","specific":"*"}]})");
  put("users", "bob", R"({"Name":"bob","Roles":["updater"]})");
  EXPECT_EQ(may_update(), "may");
  put("roles", "updater", R"({"Name":"updater","Claims":[]})");
  EXPECT_EQ(may_update(), "may not");
  change(password_change(*auth_, "ann", "other"));
  EXPECT_EQ(may_update(), "Invalid token: revoked");
}

TEST_F(AuthenticatorTest, AMachinesRightsFollowTheMachine) {
  const auto put_machine = [this](const std::string& address) {
    const std::string body = R"({"Uuid":"m1","Address":")" + address + R"("})";
    put("machines", "m1", body.c_str());
  };
  put_machine("10.0.0.1");
  TokenRequest request;
  request.machine = "m1";
  request.grantor = "system";
  const std::string token = "Bearer " + *auth_->make_token(request);
  EXPECT_TRUE(covers(login(token)->claims, {"reservations", "get", Subject::here("0A000001")}));
  put_machine("10.0.0.2");
  EXPECT_FALSE(covers(login(token)->claims, {"reservations", "get", Subject::here("0A000001")}));
  EXPECT_TRUE(covers(login(token)->claims, {"reservations", "get", Subject::here("0A000002")}));
}

TEST_F(AuthenticatorTest, MachineTokens) {
  TokenRequest request;
  request.machine = "m1";
  request.grantor = "system";
  const auto machine = *login("Bearer " + *auth_->make_token(request), false);
  EXPECT_EQ(machine.name, "runner:m1");
  EXPECT_TRUE(machine.user.empty());
  EXPECT_TRUE(covers(machine.claims, {"machines", "update:/Params/a", Subject::here("m1")}));
  EXPECT_TRUE(covers(machine.claims, {"jobs", "create", Subject::here("m1")}));
  EXPECT_TRUE(covers(machine.claims, {"stages", "get", Subject::here("any")}));
  EXPECT_TRUE(covers(machine.claims, {"reservations", "create", Subject::here("C0A8010A")}));
  EXPECT_TRUE(covers(machine.claims, {"events", "post", Subject::none()}));
  EXPECT_FALSE(covers(machine.claims, {"machines", "update:/Params/a", Subject::here("m2")}));
  EXPECT_FALSE(covers(machine.claims, {"machines", "delete", Subject::here("m1")}));
  EXPECT_FALSE(covers(machine.claims, {"reservations", "create", Subject::here("C0A8010B")}));
  EXPECT_FALSE(covers(machine.claims, {"users", "get", Subject::here("ann")}));
  EXPECT_FALSE(covers(machine.claims, {"preferences", "list", Subject::none()}));
  request.machine = "absent";
  EXPECT_EQ(auth_->make_token(request).error().code, ErrorCode::kNotFound);
}

TEST_F(AuthenticatorTest, RolesLimitATokenAndNeverAdd) {
  TokenRequest request;
  request.user = "ann";
  request.grantor = "ann";
  request.roles = {"superuser", "writer"};
  const auto nothing = *login("Bearer " + *auth_->make_token(request));
  EXPECT_FALSE(covers(nothing.claims, {"machines", "get", Subject::here("x")}))
      << "roles that add rights are dropped";
  EXPECT_TRUE(covers(nothing.claims, {"users", "get", Subject::here("ann")}));
  EXPECT_FALSE(covers(nothing.claims, {"users", "token", Subject::here("ann")})) << "no way to a wider token";

  request.user = "bob";
  request.roles = {"reader"};
  const std::string token = "Bearer " + *auth_->make_token(request);
  EXPECT_TRUE(covers(login(token)->claims, {"machines", "get", Subject::here("x")}));
  EXPECT_FALSE(covers(login(token)->claims, {"machines", "update", Subject::here("x")}));
  put("users", "bob", R"({"Name":"bob","Roles":[]})");
  EXPECT_FALSE(covers(login(token)->claims, {"machines", "get", Subject::here("x")}))
      << "rights taken away are gone at once";
}

TEST_F(AuthenticatorTest, RestrictionClaim) {
  TokenRequest request;
  request.user = "bob";
  request.grantor = "bob";
  request.restrict_to = Claim{"machines", "get,update:/Params", ""};
  const auto narrow = *login("Bearer " + *auth_->make_token(request));
  EXPECT_TRUE(covers(narrow.claims, {"machines", "get", Subject::here("x")}));
  EXPECT_TRUE(covers(narrow.claims, {"machines", "update:/Params/a", Subject::here("x")}));
  EXPECT_FALSE(covers(narrow.claims, {"machines", "update:/Meta/a", Subject::here("x")}));
  EXPECT_FALSE(covers(narrow.claims, {"jobs", "get", Subject::here("x")}));
  request.restrict_to = Claim{"all", "", ""};
  EXPECT_TRUE(
      covers(login("Bearer " + *auth_->make_token(request))->claims, {"jobs", "get", Subject::here("x")}));
}

TEST_F(AuthenticatorTest, OnBehalfOfNeedsTheRight) {
  Credentials credentials{basic("bob", "pw-bob"), "", "user:carl@M1", true, "10.0.0.1"};
  EXPECT_EQ(auth_->authenticate(credentials)->audit_name(), "user:carl@M1 (claimed by user:bob)");
  credentials.authorization = basic("ann", "pw-ann");
  EXPECT_EQ(auth_->authenticate(credentials)->audit_name(), "user:ann");
}

TEST_F(AuthenticatorTest, ArgonHashes) {
  const std::string hash = auth_->hash_password("correct");
  EXPECT_TRUE(hash.starts_with("$argon2id$")) << hash;
  EXPECT_NE(hash, auth_->hash_password("correct")) << "salted";
  change(password_change(*auth_, "ann", "correct"));
  EXPECT_TRUE(login(basic("ann", "correct")));
  EXPECT_FALSE(login(basic("ann", "Correct")));
}

TEST_F(AuthenticatorTest, StoredHashesAreBounded) {
  // A content pack must not make a login cost gigabytes.
  for (const char* hash : {"1073741824$8$1$00$00", "16384$1000000$1$00$00", "3$8$1$00$00",
                           "$argon2id$rubbish", "$", "a$b$c$d$e", "16384$8$1$zz$zz"}) {
    secret("users", "ann",
           boost::json::serialize(boost::json::object{{"PasswordHash", hash}, {"Secret", ""}}));
    EXPECT_FALSE(login(basic("ann", "x"), true, hash)) << hash;
  }
}

TEST_F(AuthenticatorTest, SystemTokens) {
  TokenRequest request;
  request.user = "system";
  request.grantor = "system";
  const auto system = login("Bearer " + *auth_->make_token(request), false);
  ASSERT_TRUE(system) << message(system);
  EXPECT_EQ(system->name, "system");
  EXPECT_TRUE(covers(system->claims, {"machines", "delete", Subject::here("x")}));
  request.grantor = "ann";
  EXPECT_EQ(auth_->make_token(request).error().code, ErrorCode::kNotFound);
}

TEST_F(AuthenticatorTest, ServerTokensHaveTheRightsOfTheirPurpose) {
  const auto rights = [this](const TokenRequest& request) {
    return login("Bearer " + *auth_->make_token(request), false)->claims;
  };
  const auto unknown = rights(unknown_machine_token(seconds(60)));
  EXPECT_TRUE(covers(unknown, {"machines", "create", Subject::none()}) &&
              covers(unknown, {"machines", "get", Subject::here("x")}));
  EXPECT_FALSE(covers(unknown, {"machines", "update", Subject::here("x")}) ||
               covers(unknown, {"profiles", "get", Subject::here("x")}));
  EXPECT_TRUE(
      covers(rights(known_machine_token("m1", seconds(60))), {"machines", "update", Subject::here("m1")}));
  const auto profile = rights(profile_token("p", seconds(60)));
  EXPECT_TRUE(covers(profile, {"profiles", "update:/Params/a", Subject::here("p")}));
  EXPECT_FALSE(covers(profile, {"profiles", "update", Subject::here("q")}) ||
               covers(profile, {"profiles", "delete", Subject::here("p")}));
  EXPECT_LE(profile_token("p", kForever).ttl, std::chrono::hours(24 * 366)) << "not for ever";
}

TEST_F(AuthenticatorTest, TheTenantIsKnownWithTheLogin) {
  put("tenants", "t", R"({"Name":"t","Members":{"machines":[]},"Users":["ann"]})");
  EXPECT_FALSE(login(basic("ann", "pw-ann"))->sees({"machines", store::kOwn, "m1"}));
  EXPECT_FALSE(login("Bearer " + token_for("ann", "bob"))->sees({"machines", store::kOwn, "m1"}));
  EXPECT_TRUE(login(basic("bob", "pw-bob"))->sees({"machines", store::kOwn, "m1"}));
  TokenRequest machine;
  machine.machine = "m1";
  machine.grantor = "ann";
  const auto runner = login("Bearer " + *auth_->make_token(machine));
  EXPECT_FALSE(runner->sees({"machines", store::kOwn, "m2"}))
      << "a tenant's user sees no more through a machine";
}

TEST_F(AuthenticatorTest, RenewedLoginsHaveTheRightsOfNow) {
  const Principal by_password = *login(basic("ann", "pw-ann"));
  TokenRequest limited;
  limited.user = "ann";
  limited.grantor = "ann";
  limited.restrict_to = Claim{"machines", "get", "x"};
  const Principal by_token = *login("Bearer " + *auth_->make_token(limited));
  EXPECT_EQ(by_token.generation, auth_->generation());
  put("roles", "reader", R"({"Name":"reader","Claims":[{"scope":"stages","action":"get","specific":"*"}]})");
  EXPECT_NE(by_token.generation, auth_->generation());
  EXPECT_FALSE(covers(auth_->renew(by_password)->claims, {"machines", "get", Subject::here("x")}));
  EXPECT_TRUE(covers(auth_->renew(by_password)->claims, {"stages", "get", Subject::here("x")}));
  EXPECT_FALSE(covers(auth_->renew(by_token)->claims, {"stages", "get", Subject::here("x")}))
      << "it was limited to machines";
  EXPECT_EQ(auth_->renew(by_token)->generation, auth_->generation());

  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(auth_->renew(by_token)) << "conversations outlive the end of their token";
  change(rotate_secret(*store_->snapshot(), "users", "ann"));
  EXPECT_EQ(message(auth_->renew(by_token)), "Invalid token: revoked");
  EXPECT_TRUE(auth_->renew(by_password)) << "the password is the same";
  change(password_change(*auth_, "ann", "other"));
  EXPECT_EQ(auth_->renew(by_password).error().code, ErrorCode::kUnauthorized);
}

/// As after a restart: nothing is left of the login but what was kept.
TEST_F(AuthenticatorTest, WhatWasKeptOfALoginIsKnownAgain) {
  const std::string by_password = *auth_->keep(*login(basic("ann", "pw-ann")));
  TokenRequest limited;
  limited.user = "bob";
  limited.grantor = "bob";
  limited.restrict_to = Claim{"machines", "get", "x"};
  const std::string by_token = *auth_->keep(*login("Bearer " + *auth_->make_token(limited)));
  EXPECT_EQ(by_password.find(scrypt_text("pw-ann")), std::string::npos) << "the stored hash is not kept";
  const Result<Principal> ann = auth_->recall(by_password);
  ASSERT_TRUE(ann);
  EXPECT_EQ(ann->name, "user:ann");
  EXPECT_EQ(ann->generation, auth_->generation());
  EXPECT_TRUE(covers(ann->claims, {"machines", "get", Subject::here("x")}));
  EXPECT_FALSE(covers(auth_->recall(by_token)->claims, {"machines", "update", Subject::here("x")}))
      << "bob may, but not with this token";
  put("roles", "reader", R"({"Name":"reader","Claims":[]})");
  EXPECT_FALSE(covers(auth_->recall(by_password)->claims, {"machines", "get", Subject::here("x")}));
  EXPECT_TRUE(auth_->renew(*auth_->recall(by_password)));

  change(rotate_secret(*store_->snapshot(), "users", "bob"));
  EXPECT_EQ(message(auth_->recall(by_token)), "Invalid token: revoked");
  change(password_change(*auth_, "ann", "other"));
  EXPECT_EQ(auth_->recall(by_password).error().code, ErrorCode::kUnauthorized);
  for (const char* nothing : {"", "{}", R"({"User":"ann"})", R"({"User":"ann","PasswordMark":"guess"})"})
    EXPECT_FALSE(auth_->recall(nothing)) << nothing;
  EXPECT_FALSE(auth_->keep(Principal())) << "nobody stands behind it";
}

TEST_F(AuthenticatorTest, OtherObjectsAreNoReasonToRenew) {
  const uint64_t before = auth_->generation();
  put("machines", "m2", R"({"Uuid":"m2"})");
  put("profiles", "p", R"({"Name":"p"})");
  EXPECT_EQ(auth_->generation(), before);
  put("tenants", "t", R"({"Name":"t"})");
  EXPECT_GT(auth_->generation(), before);
}

TEST_F(AuthenticatorTest, EffectiveClaims) {
  EXPECT_FALSE(effective_claims(*store_->snapshot(), "nobody"));
  const auto claims = effective_claims(*store_->snapshot(), "ann");
  ASSERT_TRUE(claims);
  EXPECT_TRUE(covers(*claims, {"machines", "get", Subject::here("x")}) &&
              covers(*claims, {"users", "token", Subject::here("ann")}));
  EXPECT_FALSE(covers(*claims, {"machines", "delete", Subject::here("x")}));
}

}  // namespace
}  // namespace mullion::auth
