#include "mirror/internal/announced.h"

#include <gtest/gtest.h>

#include <map>

namespace mullion::mirror {
namespace {

using namespace std::chrono_literals;
using Ways = std::map<std::string, std::vector<std::string>>;

Ways ways(const std::vector<Attached>& attached) {
  Ways out;
  for (const replication::Announcement& one : announced_owners("M", attached)) out[one.owner] = one.via;
  return out;
}

TEST(AnnouncedOwners, AnEndpointAloneLeadsToItself) { EXPECT_EQ(ways({}), (Ways{{"M", {}}})); }

TEST(AnnouncedOwners, WaysFollowTheChainOfManagers) {
  EXPECT_EQ(ways({{"R", "M", "Connected"}, {"A", "R", "Connected"}, {"B", "M", "Connected"}}),
            (Ways{{"M", {}}, {"R", {"M"}}, {"A", {"R", "M"}}, {"B", {"M"}}}));
}

TEST(AnnouncedOwners, ChainsThatEndNowhereOrGoInACircleAreLeftOut) {
  EXPECT_EQ(
      ways(
          {{"A", "gone", ""}, {"B", "C", ""}, {"C", "B", ""}, {"D", "D", ""}, {"", "M", ""}, {"M", "A", ""}}),
      (Ways{{"M", {}}}));
}

TEST(AnnouncedOwners, TheNearestOfTwoWaysCounts) {
  EXPECT_EQ(ways({{"R", "M", ""}, {"A", "R", ""}, {"A", "M", ""}}).at("A"), std::vector<std::string>{"M"});
}

TEST(AnnouncedOwners, AreInTouchAsTheirManagerSays) {
  const auto announced = announced_owners("M", {{"A", "M", "Connected"}, {"B", "M", "Lost: reset"}});
  ASSERT_EQ(announced.size(), 3U);
  EXPECT_TRUE(announced[1].in_touch);
  EXPECT_FALSE(announced[2].in_touch);
  EXPECT_EQ(announced[2].reason, "its manager says: Lost: reset");
}

TEST(AnnouncedOwners, AreOutOfTouchWithWhoeverIsBetween) {
  const auto announced =
      announced_owners("M", {{"R", "M", "Lost: reset"}, {"Q", "R", "Connected"}, {"A", "Q", "Connected"}});
  ASSERT_EQ(announced.size(), 4U);
  EXPECT_EQ(announced[1].owner, "A");
  EXPECT_FALSE(announced[1].in_touch) << "what R says of Q and Q of A came before R was lost";
  EXPECT_EQ(announced[1].reason, "the manager of R says: Lost: reset");
}

TEST(AnnouncedOwners, TheAgeOfThoseBehindIsNotTold) {
  for (const replication::Announcement& one : announced_owners("M", {{"A", "M", "Connected"}}))
    EXPECT_EQ(one.untold_by, one.owner == "M" ? "" : "M");
}

TEST(AnnouncedOwners, ThoseThatAreNotAnnouncedAnyMoreAreNamed) {
  const auto before = announced_owners("M", {{"A", "M", ""}, {"B", "M", ""}});
  const auto gone = no_longer_announced(before, announced_owners("M", {{"B", "M", "Lost"}, {"C", "M", ""}}));
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone.front().owner, "A");
}

}  // namespace
}  // namespace mullion::mirror
