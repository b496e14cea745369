#include "env/interface_address.h"

#include <gtest/gtest.h>

namespace mullion::env {
namespace {

TEST(InterfaceAddress, IsReadFromItsText) {
  struct Row {
    const char* text;
    const char* address;  // "": refused
    unsigned prefix;
  };
  for (const Row& row :
       {Row{"192.0.2.1/24", "192.0.2.1", 24}, Row{"192.0.2.1/32", "192.0.2.1", 32},
        Row{"2001:db8::1/64", "2001:db8::1", 64}, Row{"2001:db8::1/128", "2001:db8::1", 128},
        Row{"192.0.2.1", "", 0}, Row{"192.0.2.1/33", "", 0}, Row{"192.0.2.1/0", "", 0},
        Row{"192.0.2.1/-1", "", 0}, Row{"192.0.2.1/24x", "", 0}, Row{"192.0.2.1/", "", 0}, Row{"/24", "", 0},
        Row{"", "", 0}, Row{"host/24", "", 0}, Row{"2001:db8::1/129", "", 0}}) {
    const Result<InterfaceAddress> read = parse_interface_address(row.text, "eth0");
    ASSERT_EQ(read.ok(), row.address[0] != '\0') << row.text;
    if (read.ok()) {
      EXPECT_EQ(*read, (InterfaceAddress{"eth0", row.address, row.prefix})) << row.text;
    }
  }
}

TEST(InterfaceAddress, KnowsWhatThisMachineHas) {
  EXPECT_TRUE(has_interface("lo"));
  EXPECT_FALSE(has_interface("no-such-line"));
  EXPECT_TRUE(has_address("127.0.0.1"));
  EXPECT_FALSE(has_address("192.0.2.77"));
  EXPECT_FALSE(has_address("no address"));
}

TEST(InterfaceAddress, CannotBeHeldWhereThereIsNoInterface) {
  const InterfaceAddress nowhere{"no-such-line", "192.0.2.77", 32};
  EXPECT_EQ(hold_address(nowhere, std::chrono::seconds(1)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(announce_address(nowhere).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(drop_address(nowhere).ok()) << "it went with the interface";
}

}  // namespace
}  // namespace mullion::env
