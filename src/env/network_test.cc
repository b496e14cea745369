#include "env/network.h"

#include <gtest/gtest.h>

namespace mullion::env {
namespace {

void expect_network(std::string_view address, std::string_view host, std::string_view site, bool loopback) {
  const Network network = network_of(address);
  EXPECT_EQ(network.host, host) << address;
  EXPECT_EQ(network.site, site) << address;
  EXPECT_EQ(network.loopback, loopback) << address;
}

TEST(Network, IsThatOfAnAddressInAnySpelling) {
  expect_network("192.0.2.7", "192.0.2.7", "192.0.2.0/24", false);
  expect_network("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24", false);
  expect_network("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48", false);
  expect_network("2001:0DB8:0001:2::9", "2001:db8:1:2::/64", "2001:db8:1::/48", false);
  expect_network("127.0.0.1", "127.0.0.1", "127.0.0.0/24", true);
  expect_network("127.9.9.9", "127.9.9.9", "127.9.9.0/24", true);
  expect_network("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.0/24", true);
  expect_network("::1", "::/64", "::/48", true);
  expect_network("::2", "::/64", "::/48", false);
}

TEST(Network, OfWhatIsNoAddressIsTheTextItself) {
  expect_network("", "", "", false);
  expect_network("127.0.0.1.example", "127.0.0.1.example", "127.0.0.1.example", false);
}

}  // namespace
}  // namespace mullion::env
