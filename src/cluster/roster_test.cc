#include "cluster/roster.h"

#include <gmock/gmock.h>

namespace mullion::cluster {
namespace {

RosterMember someone(MemberId number) {
  return {number, "id-" + std::to_string(number), "aa", "127.0.0.1:8093", "https://127.0.0.1:8092", false,
          true};
}

Roster of_two() { return {"site", 3, {someone(1), someone(2)}}; }

TEST(Roster, IsReadBackWhole) {
  const Result<Roster> again = decode_roster(encode_roster(of_two()));
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*again, of_two());
}

TEST(Roster, SaysWhenItCannotBeRead) {
  for (const char* text :
       {"", "{", "[]", R"({"ha_id":1,"next":1,"members":[]})", R"({"ha_id":"","next":1})"}) {
    const Result<Roster> read = decode_roster(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  }
}

struct ChangeCase {
  const char* what;
  MemberChange change;
  std::vector<std::pair<MemberId, bool>> members;  // number, voter
  MemberId next;
};

TEST(Roster, FollowsChanges) {
  const std::string context = encode_roster_member(someone(9));
  const ChangeCase cases[] = {
      {"an addition does not vote",
       {ChangeKind::kAddLearner, 3, context},
       {{1, true}, {2, true}, {3, false}},
       4},
      {"who is there already loses its vote", {ChangeKind::kAddLearner, 2, ""}, {{1, true}, {2, false}}, 3},
      {"whoever it is said to be", {ChangeKind::kAddLearner, 2, context}, {{1, true}, {2, false}}, 3},
      {"nobody is added without a name", {ChangeKind::kAddLearner, 3, "?"}, {{1, true}, {2, true}}, 3},
      {"a removal", {ChangeKind::kRemove, 2, ""}, {{1, true}}, 3},
      {"a stranger's removal", {ChangeKind::kRemove, 7, ""}, {{1, true}, {2, true}}, 3},
      {"a stranger's promotion", {ChangeKind::kPromote, 7, ""}, {{1, true}, {2, true}}, 3},
  };
  for (const ChangeCase& one : cases) {
    const Roster after = changed(of_two(), one.change);
    std::vector<std::pair<MemberId, bool>> members;
    for (const RosterMember& member : after.members) members.emplace_back(member.number, member.voter);
    EXPECT_EQ(members, one.members) << one.what;
    EXPECT_EQ(after.next, one.next) << one.what;
  }
}

TEST(Roster, APromotionMakesAVoter) {
  Roster roster = changed(of_two(), {ChangeKind::kAddLearner, 3, encode_roster_member(someone(9))});
  EXPECT_FALSE(roster.find(3)->voter);
  roster = changed(roster, {ChangeKind::kPromote, 3, ""});
  EXPECT_TRUE(roster.find(3)->voter);
  EXPECT_EQ(roster.others(1), (std::map<MemberId, bool>{{2, false}, {3, false}}));
}

TEST(Roster, WhatIsToldOfAMemberIsWhereItIsToBeFoundAndNothingElse) {
  RosterMember told = someone(9);
  told.address = "192.0.2.9:8093";
  told.api_url = "https://192.0.2.9:8092";
  RosterMember expected = someone(2);
  expected.address = told.address;
  expected.api_url = told.api_url;
  for (const ChangeKind kind : {ChangeKind::kPromote, ChangeKind::kAddLearner}) {
    expected.voter = kind == ChangeKind::kPromote;
    const Roster after = changed(of_two(), {kind, 2, encode_roster_member(told)});
    EXPECT_EQ(*after.find(2), expected);
    EXPECT_EQ(*after.find(1), someone(1));
  }
}

}  // namespace
}  // namespace mullion::cluster
