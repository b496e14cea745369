// The range of a subnet, what it names itself, and which address comes next.
#include "model/allocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::model {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;

std::string range_text(std::string_view subnet) {
  const std::optional<AllocationRange> range = allocation_range(json::parse(subnet).as_object());
  return range ? dotted_address(range->first) + " " + dotted_address(range->last) : "none";
}

TEST(Allocation, TheRangeIsTheNetworkUnlessTheSubnetSaysOtherwise) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"Subnet":"10.1.2.1/24"})", "10.1.2.1 10.1.2.254"},
      {R"({"Subnet":"10.1.2.1/24","AllocateStart":"","AllocateEnd":""})", "10.1.2.1 10.1.2.254"},
      {R"({"Subnet":"10.1.2.0/24","AllocateStart":"10.1.2.50"})", "10.1.2.50 10.1.2.254"},
      {R"({"Subnet":"10.1.2.0/24","AllocateEnd":"10.1.2.50"})", "10.1.2.1 10.1.2.50"},
      {R"({"Subnet":"10.1.2.0/24","AllocateStart":"10.1.2.7","AllocateEnd":"10.1.2.7"})",
       "10.1.2.7 10.1.2.7"},
      {R"({"Subnet":"10.1.2.0/24","AllocateStart":"10.1.2.0","AllocateEnd":"10.1.2.255"})",
       "10.1.2.1 10.1.2.254"},
      {R"({"Subnet":"10.1.2.0/24","AllocateStart":"10.1.2.9","AllocateEnd":"10.1.2.8"})", "none"},
      {R"({"Subnet":"10.1.2.4/31"})", "10.1.2.4 10.1.2.5"},
      {R"({"Subnet":"10.1.2.4/32"})", "10.1.2.4 10.1.2.4"},
      {R"({"Subnet":"255.255.255.255/32"})", "255.255.255.255 255.255.255.255"},
      {R"({"Subnet":"0.0.0.0/0"})", "0.0.0.1 255.255.255.254"},
      {R"({"Subnet":"fred"})", "none"},
      {"{}", "none"}};
  for (const auto& [subnet, wanted] : cases) EXPECT_EQ(range_text(subnet), wanted) << subnet;
}

TEST(Allocation, AddressesOfTheNetworkAreInTheSubnet) {
  const json::object subnet{{"Subnet", "10.1.2.9/30"}};
  for (const uint32_t address : {0x0A010208U, 0x0A01020BU}) EXPECT_TRUE(is_in_subnet(subnet, address));
  for (const uint32_t address : {0x0A010207U, 0x0A01020CU}) EXPECT_FALSE(is_in_subnet(subnet, address));
  EXPECT_FALSE(is_in_subnet({}, 0));
}

TEST(Allocation, RoutersAndServersOfTheSubnetAreNamed) {
  const json::value subnet = json::parse(
      R"({"Subnet":"10.1.2.0/24","NextServer":"10.1.2.9","Options":[{"Code":3,"Value":"10.1.2.1"},
          {"Code":6,"Value":"10.1.2.2, 10.1.2.3"},{"Code":15,"Value":"example.com"},{"Code":2,"Value":"7"}]})");
  std::vector<std::string> named;
  for (const uint32_t address : addresses_named_by(subnet.as_object()))
    named.push_back(dotted_address(address));
  EXPECT_THAT(named, ElementsAre("10.1.2.1", "10.1.2.2", "10.1.2.3", "10.1.2.9"));
  EXPECT_TRUE(addresses_named_by({}).empty());
}

TEST(Allocation, TheLowestFreeAddressComesNext) {
  struct Case {
    AllocationRange range;
    std::set<uint32_t> taken;
    std::optional<uint32_t> next;
  };
  const uint32_t top = ~uint32_t{0};
  const Case cases[] = {
      {{10, 12}, {}, 10},
      {{10, 12}, {11}, 10},
      {{10, 12}, {10}, 11},
      {{10, 12}, {1, 9, 10, 11}, 12},
      {{10, 12}, {10, 12}, 11},
      {{10, 12}, {10, 11, 12}, std::nullopt},
      {{10, 10}, {10, 11}, std::nullopt},
      {{top, top}, {top}, std::nullopt},
      {{top - 1, top}, {top - 1}, top},
  };
  for (const Case& one : cases) EXPECT_EQ(lowest_free(one.range, one.taken), one.next);
}

TEST(Allocation, KeysAndTextsOfAddresses) {
  EXPECT_EQ(address_number("10.1.2.3"), 0x0A010203U);
  EXPECT_EQ(address_number("10.1.2"), std::nullopt);
  EXPECT_EQ(address_number("0A010203"), std::nullopt);
  EXPECT_EQ(dotted_address(0x0A010203U), "10.1.2.3");
  EXPECT_EQ(address_key(0x0A010203U), "0A010203");
  EXPECT_EQ(address_of_key("0A010203"), 0x0A010203U);
  for (const char* bad : {"", "A010203", "0A01020G", "10.1.2.3", "0A0102030"})
    EXPECT_EQ(address_of_key(bad), std::nullopt) << bad;
  EXPECT_TRUE((AllocationRange{1, 3}.contains(3)) && !(AllocationRange{1, 3}.contains(4)));
}

}  // namespace
}  // namespace mullion::model
