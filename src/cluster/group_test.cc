#include "cluster/group.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

std::vector<store::Command> two_commands() {
  std::vector<store::Command> out(2);
  out[0].seq = 7;
  out[0].principal = "user:ann";
  out[0].writes = {{{"machines", "", "a"}, "body"}};
  out[1].seq = 8;
  return out;
}

TEST(Group, IsReadBackWhole) {
  const Result<std::vector<store::Command>> again = decode_group(encode_group(two_commands()));
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*again, two_commands());
  EXPECT_TRUE(decode_group(encode_group({}))->empty());
}

TEST(Group, EveryCutIsNoticedButThatBetweenCommands) {
  const std::string bytes = encode_group(two_commands());
  const size_t first = encode_group({two_commands()[0]}).size();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool whole = i == 1 || i == first;  // the entry's own hash tells these
    EXPECT_EQ(decode_group(std::string_view(bytes).substr(0, i)).ok(), whole) << i;
  }
}

}  // namespace
}  // namespace mullion::cluster
