#include "cluster/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

using ::testing::HasSubstr;

RosterMember rostered(MemberId number, bool voter = true) {
  RosterMember out;
  out.number = number;
  out.id = "member-" + std::to_string(number);
  out.key = "key-" + std::to_string(number);
  out.address = "192.0.2." + std::to_string(number) + ":8093";
  out.voter = voter;
  return out;
}

Roster roster_of(size_t voters) {
  Roster out;
  out.ha_id = "site";
  out.next = voters + 1;
  for (MemberId number = 1; number <= voters; ++number) out.members.push_back(rostered(number));
  return out;
}

MemberRemains remains(size_t voters, MemberId number, Place last, const std::string& damage = "") {
  MemberRemains out;
  out.base_root = "/disk-" + std::to_string(number);
  out.number = number;
  out.id = "member-" + std::to_string(number);
  out.roster = roster_of(voters);
  out.last = out.database = last;
  out.term = last.term;
  out.damage = damage;
  return out;
}

TEST(Recovery, GoesOnFromTheLongestLogAndSaysWhatMayBeLost) {
  struct Row {
    const char* what;
    std::vector<MemberRemains> members;
    size_t longest, lost;
    bool complete;
  };
  const std::vector<Row> rows{
      {"one of three", {remains(3, 1, {10, 2})}, 0, 2, false},
      {"two of three", {remains(3, 1, {10, 2}), remains(3, 2, {11, 2})}, 1, 1, true},
      {"a newer term beats a longer log", {remains(3, 1, {90, 2}), remains(3, 2, {11, 3})}, 1, 1, true},
      {"the first of equals", {remains(3, 1, {11, 2}), remains(3, 2, {11, 2})}, 0, 1, true},
      {"a damaged log counts as lost", {remains(3, 1, {10, 2}), remains(3, 2, {8, 2}, "torn")}, 0, 2, false},
      {"two of five", {remains(5, 1, {10, 2}), remains(5, 4, {9, 2})}, 0, 3, false},
      {"three of five", {remains(5, 1, {10, 2}), remains(5, 4, {9, 2}), remains(5, 2, {12, 2})}, 2, 2, true},
      {"two of four", {remains(4, 1, {10, 2}), remains(4, 2, {9, 2})}, 0, 2, true},
      {"one of two", {remains(2, 1, {10, 2})}, 0, 1, true},
  };
  for (const Row& row : rows) {
    const Result<RecoveryPlan> plan = plan_recovery(row.members);
    ASSERT_TRUE(plan.ok()) << row.what;
    EXPECT_EQ(plan->longest, row.longest) << row.what;
    EXPECT_EQ(plan->lost, row.lost) << row.what;
    EXPECT_EQ(plan->complete, row.complete) << row.what;
    std::string text;
    for (const std::string& line : describe(row.members, *plan)) text += line + "\n";
    EXPECT_THAT(text, HasSubstr(row.complete ? "everything that was ever acknowledged" : "is lost"))
        << row.what;
    EXPECT_THAT(text, HasSubstr(row.members[row.longest].id + ")")) << row.what;
  }
}

TEST(Recovery, RefusesWhatDoesNotBelongTogether) {
  MemberRemains other = remains(3, 2, {9, 1});
  other.roster.ha_id = "elsewhere";
  EXPECT_EQ(plan_recovery({remains(3, 1, {9, 1}), other}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(plan_recovery({remains(3, 1, {9, 1}), remains(3, 1, {9, 1})}).error().code, ErrorCode::kConflict);
}

TEST(Recovery, LeavesOneMemberAndRemembersTheOthers) {
  Roster before = roster_of(3);
  before.members[1].voter = false;
  before.members[1].observer = true;
  const Roster after = alone(before, 2, 5);
  EXPECT_EQ(after.ha_id, "site");
  EXPECT_EQ(after.next, 9u) << "numbers that were given in changes nobody has read do not come again";
  ASSERT_EQ(after.members.size(), 1u);
  EXPECT_EQ(after.members[0].number, 2u);
  EXPECT_TRUE(after.members[0].voter && !after.members[0].observer);
  ASSERT_EQ(after.former.size(), 2u);
  EXPECT_EQ(after.former[0].key, "key-1");
  const Result<Roster> read = decode_roster(encode_roster(after));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, after);
}

}  // namespace
}  // namespace mullion::cluster
