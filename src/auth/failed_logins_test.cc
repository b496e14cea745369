#include "auth/internal/failed_logins.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "auth/login_caller.h"

namespace mullion::auth {
namespace {

using namespace std::chrono_literals;
using env::network_of;

class FailedLoginsTest : public ::testing::Test {
 protected:
  static constexpr size_t kMost = 256;

  void fail(std::string_view user, const std::string& address, int times = 1) {
    for (int i = 0; i < times; ++i) failures_.failed(user, network_of(address));
  }
  bool waits(std::string_view user, const std::string& address) {
    return failures_.wait(user, network_of(address)).has_value();
  }

  env::ManualClock clock_;
  FailedLogins failures_{clock_, kMost};
};

TEST_F(FailedLoginsTest, SlowThePairDownAndNobodyElseBehindTheAddress) {
  for (int user = 0; user < 20; ++user) fail("user" + std::to_string(user), "192.0.2.1", 10);
  EXPECT_TRUE(waits("user3", "192.0.2.1"));
  EXPECT_FALSE(waits("user3", "192.0.2.2"));
  EXPECT_FALSE(waits("bystander", "192.0.2.1"));
}

TEST_F(FailedLoginsTest, TakeAllAddressesOfAnIpv6NetworkForOne) {
  for (int i = 0; i < 5; ++i) fail("bob", "2001:db8:1:2::" + std::to_string(i + 1));
  EXPECT_TRUE(waits("bob", "2001:db8:1:2:ffff::1"));
  EXPECT_FALSE(waits("bob", "2001:db8:1:3::1"));
}

TEST_F(FailedLoginsTest, AreTakenBackByASuccess) {
  fail("bob", "192.0.2.1", 4);
  failures_.succeeded("bob", network_of("192.0.2.1"));
  fail("bob", "192.0.2.1", 4);
  EXPECT_FALSE(waits("bob", "192.0.2.1"));
  EXPECT_EQ(failures_.size(), 1u);
}

TEST_F(FailedLoginsTest, AreForgottenAfterAWhile) {
  fail("bob", "192.0.2.1", 9);
  clock_.advance(16min);
  fail("eve", "192.0.2.9");
  EXPECT_FALSE(waits("bob", "192.0.2.1"));
  EXPECT_EQ(failures_.size(), 1u);
}

/// What floods with: users, addresses, or networks.
enum class Flood { kUsers, kAddresses, kNetworks };

class Flooding : public FailedLoginsTest, public ::testing::WithParamInterface<Flood> {
 protected:
  std::pair<std::string, std::string> attacker(unsigned i) const {
    switch (GetParam()) {
      case Flood::kUsers:
        return {"user" + std::to_string(i), "203.0.113.5"};
      case Flood::kAddresses:
        return {"root", fmt::format("2001:db8:1:{:x}::1", i % 65536)};
      case Flood::kNetworks:
        return {"root", fmt::format("2001:db8:{:x}:{:x}::1", i % 65536, i / 65536)};
    }
    return {};
  }
};

TEST_P(Flooding, ForgivesNobodyWhoIsSlowedDown) {
  fail("victim", "192.0.2.1", 30);
  fail("other", "198.51.100.1", 30);
  for (unsigned i = 0; i < 20 * kMost; ++i) {
    const auto [user, address] = attacker(i / 2);  // twice each: entries that make no room
    fail(user, address);
    ASSERT_LE(failures_.size(), kMost);
    ASSERT_TRUE(waits("victim", "192.0.2.1")) << i;
    ASSERT_TRUE(waits("other", "198.51.100.1")) << i;
  }
}

TEST_P(Flooding, GivesAPairNoMoreFreeTries) {
  fail("victim", "203.0.113.5", 4);
  for (unsigned i = 0; i < 20 * kMost; ++i) {
    const auto [user, address] = attacker(i);
    fail(user, address);
  }
  fail("victim", "203.0.113.5");
  EXPECT_TRUE(waits("victim", "203.0.113.5"));
}

TEST_P(Flooding, SlowsDownTheFloodItself) {
  for (unsigned i = 0; i < 4 * kMost; ++i) {
    const auto [user, address] = attacker(i);
    fail(user, address, 2);
  }
  unsigned free = 0;
  // Whoever floods gets a bounded number of evaluated tries at one more pair, however full the table is.
  for (; free < 1000 && !waits("target", attacker(0).second); ++free) fail("target", attacker(0).second);
  EXPECT_LE(free, 50u);
}

TEST_P(Flooding, LeavesThisMachineAndFormerLoginsAlone) {
  failures_.succeeded("known", network_of("203.0.113.5"));
  for (unsigned i = 0; i < 20 * kMost; ++i) {
    const auto [user, address] = attacker(i / 2);
    fail(user, address);
  }
  EXPECT_FALSE(waits("rocketskates", "127.0.0.1"));
  EXPECT_FALSE(waits("rocketskates", "::1"));
  EXPECT_FALSE(waits("known", "203.0.113.5"));
  fail("known", "203.0.113.5", 5);
  EXPECT_TRUE(waits("known", "203.0.113.5")) << "a pair that logged in before still has its own count";
}

INSTANTIATE_TEST_SUITE_P(FailedLogins, Flooding,
                         ::testing::Values(Flood::kUsers, Flood::kAddresses, Flood::kNetworks));

TEST_F(FailedLoginsTest, NoFloodFromOneNetworkCrowdsOthersOut) {
  for (unsigned i = 0; i < 20 * kMost; ++i) fail("user" + std::to_string(i), "203.0.113.5", 3);
  EXPECT_LE(failures_.size(), kMost / 8);
  EXPECT_FALSE(waits("bob", "192.0.2.1"));
  fail("bob", "192.0.2.1", 4);
  EXPECT_FALSE(waits("bob", "192.0.2.1"));
}

/// Once its network holds as many pairs as it may, names alone do not make tries free.
TEST_F(FailedLoginsTest, FiftyOtherNamesFromAFloodingNetworkAndItWaits) {
  for (unsigned i = 0; i < kMost / 8; ++i) fail("user" + std::to_string(i), "203.0.113.5");
  for (int i = 1; i < 50; ++i) {
    fail("name" + std::to_string(i), "203.0.113.5");
    ASSERT_FALSE(waits("next", "203.0.113.5")) << i;
  }
  fail("name50", "203.0.113.5");
  EXPECT_TRUE(waits("next", "203.0.113.5"));
  EXPECT_FALSE(waits("next", "192.0.2.1"));
  clock_.advance(1s);
  EXPECT_FALSE(waits("next", "203.0.113.5"));
  fail("next", "203.0.113.5");
  EXPECT_TRUE(waits("another", "203.0.113.5"));
}

TEST_F(FailedLoginsTest, CountsTheTruthForEveryPairOfARandomHistory) {
  std::mt19937 random(11);
  std::map<std::pair<std::string, std::string>, int> since_success;
  for (int i = 0; i < 4000; ++i) {
    const std::string user = "u" + std::to_string(random() % 6);
    const std::string address = fmt::format("10.{}.0.1", random() % 6);
    int& failed = since_success[{user, address}];
    if (random() % 8 == 0) {
      failures_.succeeded(user, network_of(address));
      failed = 0;
    } else if (!waits(user, address)) {
      fail(user, address);
      ++failed;
      ASSERT_EQ(waits(user, address), failed >= 5) << user << " from " << address << " step " << i;
    }
    if (random() % 3 == 0) clock_.advance(1s);
  }
}

TEST(LoginCaller, IsWhereTheLoginComesFrom) {
  Credentials credentials;
  credentials.peer_address = "2001:db8:1:2::7";
  const env::Caller far = login_caller(credentials);
  EXPECT_EQ(far.name, "2001:db8:1:2::/64");
  EXPECT_EQ(far.group, "2001:db8:1::/48");
  EXPECT_FALSE(far.local);
  credentials.peer_address = "127.0.0.1";
  credentials.peer_is_loopback = true;
  EXPECT_TRUE(login_caller(credentials).local);
}

}  // namespace
}  // namespace mullion::auth
