#include "cluster/internal/member_address.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

bool is_here(const std::string& ip) { return ip == "192.0.2.9" || ip == "2001:db8::9"; }

TEST(MemberAddress, OfOneWithAPortTheIp) {
  EXPECT_EQ(ip_of("192.0.2.1:8093"), "192.0.2.1");
  EXPECT_EQ(ip_of("[2001:db8::1]:8093"), "2001:db8::1");
}

TEST(MemberAddress, WhatWasToldOnceCountsWhileItIsHere) {
  struct {
    std::string kept, started_with, outside, expected;
  } const kCases[] = {
      {"192.0.2.9:8093", "2001:db8::9:1", "192.0.2.9", "192.0.2.9:8093"},
      {"0.0.0.0:8093", "", "192.0.2.9", "0.0.0.0:8093"},
      {"127.0.0.2:8093", "", "192.0.2.9", "127.0.0.2:8093"},
      {"192.0.2.1:8093", "192.0.2.9:9000", "2001:db8::9", "192.0.2.9:9000"},
      {"192.0.2.1:8093", "192.0.2.2:9000", "192.0.2.9", "192.0.2.9:8093"},
      {"192.0.2.1:8093", "", "2001:db8::9", "[2001:db8::9]:8093"},
      {"[2001:db8::1]:8093", "nonsense", "192.0.2.9", "192.0.2.9:8093"},
      {"192.0.2.1:8093", "", "192.0.2.2", "192.0.2.1:8093"},
      {"192.0.2.1:8093", "", "", "192.0.2.1:8093"},
  };
  for (const auto& one : kCases) {
    HaSettings settings;
    settings.consensus_address = one.started_with;
    settings.outside_address = one.outside;
    EXPECT_EQ(listening_address(one.kept, settings, is_here), one.expected) << one.kept;
  }
}

}  // namespace
}  // namespace mullion::cluster
