#include "manager/routes.h"

#include <gtest/gtest.h>

namespace mullion::manager {
namespace {

using replication::Announcement;

Announcement at(std::string owner, std::vector<std::string> via = {}, bool in_touch = true) {
  return {std::move(owner), std::move(via), in_touch, 0, ""};
}
Neighbour neighbour(std::string id, std::vector<Announcement> announced, bool connected = true) {
  return {std::move(id), connected, true, std::move(announced)};
}
std::string next_hop(const Plan& plan, std::string_view owner) {
  const auto route = plan.routes.find(owner);
  return route == plan.routes.end() ? "-" : route->second.next_hop;
}

TEST(Routes, EachOwnerGoesThroughWhoAnnouncesIt) {
  const Plan plan = plan_routes("M1",
                                {neighbour("R1", {at("R1"), at("A", {"R1"}), at("B", {"R1"})}),
                                 neighbour("R2", {at("R2"), at("C", {"R2"})})},
                                {});
  EXPECT_EQ(next_hop(plan, "A"), "R1");
  EXPECT_EQ(next_hop(plan, "R1"), "R1");
  EXPECT_EQ(next_hop(plan, "C"), "R2");
  EXPECT_EQ(plan.subscriptions("R1"), (std::vector<std::string>{"A", "B", "R1"}));
  EXPECT_TRUE(plan.refused.empty());
}

TEST(Routes, LoopsAreRefused) {
  const Plan plan = plan_routes(
      "M1", {neighbour("R1", {at("R1"), at("M1", {"R1"}), at("X", {"M1", "R1"}), at("A", {"R1"})})}, {});
  EXPECT_EQ(next_hop(plan, "M1"), "-");
  EXPECT_EQ(next_hop(plan, "X"), "-");
  EXPECT_EQ(next_hop(plan, "A"), "R1");
  ASSERT_EQ(plan.refused.size(), 2U);
  EXPECT_EQ(plan.refused[0].reason, "it is this server itself");
  EXPECT_EQ(plan.refused[1].reason, "the way leads through this server");
}

TEST(Routes, TheShortestWayThroughADiamondWins) {
  const Plan plan = plan_routes(
      "M1", {neighbour("R1", {at("R1"), at("A", {"X", "R1"})}), neighbour("R2", {at("R2"), at("A", {"R2"})})},
      {});
  EXPECT_EQ(next_hop(plan, "A"), "R2");
  EXPECT_EQ(plan.routes.at("A").stand_by, (std::vector<std::string>{"R1"}));
}

TEST(Routes, OfTwoWaysThatAreAsLongTheOneThatTellsAgesWins) {
  Announcement untold = at("A", {"F"});
  untold.untold_by = "F";
  const Neighbour foreign = neighbour("F", {untold}), own = neighbour("R", {at("A", {"R"})});
  const Plan first = plan_routes("M1", {foreign}, {});
  EXPECT_EQ(next_hop(first, "A"), "F");
  EXPECT_EQ(next_hop(plan_routes("M1", {foreign, own}, first), "A"), "R");
}

TEST(Routes, AShorterWayThatTurnsUpReplacesTheOneInUse) {
  const Neighbour longer = neighbour("R1", {at("A", {"X", "R1"})}),
                  shorter = neighbour("R2", {at("A", {"R2"})});
  const Plan first = plan_routes("M1", {longer}, {});
  const Plan both = plan_routes("M1", {longer, shorter}, first);
  EXPECT_EQ(next_hop(both, "A"), "R2");
  EXPECT_EQ(both.routes.at("A").via, (std::vector<std::string>{"R2"}));
  EXPECT_EQ(both.routes.at("A").stand_by, (std::vector<std::string>{"R1"}));
  const Plan direct = plan_routes("M1", {longer, shorter, neighbour("A", {at("A")})}, both);
  EXPECT_EQ(next_hop(direct, "A"), "A");
}

TEST(Routes, WhatCountsMoreDecidesFirst) {
  const std::vector<Neighbour> ways{
      neighbour("R1", {at("A", {"R1"})}, false),          // shortest, but not connected
      neighbour("R2", {at("A", {"X", "R2"}, false)}),     // connected, but not in touch
      neighbour("R3", {at("A", {"X", "Y", "Z", "R3"})}),  // in touch, but the longest
      neighbour("R4", {at("A", {"X", "Y", "R4"})}), neighbour("R5", {at("A", {"X", "Y", "R5"})})};
  const Plan fresh = plan_routes("M1", ways, {});
  EXPECT_EQ(next_hop(fresh, "A"), "R4");
  EXPECT_EQ(fresh.routes.at("A").stand_by, (std::vector<std::string>{"R5", "R3", "R2", "R1"}));
  Plan through_r5;
  through_r5.routes["A"] = {"A", "R5", {}, true, {}};
  EXPECT_EQ(next_hop(plan_routes("M1", ways, through_r5), "A"), "R5") << "the one in use, among equals";
}

TEST(Routes, AStandByTakesOverWhenTheWayBreaks) {
  const std::vector<Announcement> through_r1{at("A", {"R1"})}, through_r2{at("A", {"R2"})};
  const Plan first = plan_routes("M1", {neighbour("R1", through_r1), neighbour("R2", through_r2)}, {});
  EXPECT_EQ(next_hop(first, "A"), "R1") << "by name among equals";
  const Plan broken =
      plan_routes("M1", {neighbour("R1", through_r1, false), neighbour("R2", through_r2)}, first);
  EXPECT_EQ(next_hop(broken, "A"), "R2");
  const Plan healed = plan_routes("M1", {neighbour("R1", through_r1), neighbour("R2", through_r2)}, broken);
  EXPECT_EQ(next_hop(healed, "A"), "R2") << "no flapping between equals";
}

TEST(Routes, AWayThatLostItsOwnerIsWorseThanALongerOne) {
  const Plan plan = plan_routes(
      "M1", {neighbour("R1", {at("A", {"R1"}, false)}), neighbour("R2", {at("A", {"X", "R2"})})}, {});
  EXPECT_EQ(next_hop(plan, "A"), "R2");
}

TEST(Routes, OwnersOfALostNeighbourKeepTheirRoute) {
  const Plan plan = plan_routes("M1", {neighbour("R1", {at("R1"), at("A", {"R1"})}, false)}, {});
  EXPECT_EQ(next_hop(plan, "A"), "R1");
}

TEST(Routes, WithoutSinglePaneNothingIsFollowed) {
  Neighbour closed = neighbour("A", {at("A")});
  closed.single_pane = false;
  const Plan plan = plan_routes("M1", {closed}, {});
  EXPECT_EQ(next_hop(plan, "A"), "A") << "calls still find their way";
  EXPECT_TRUE(plan.subscriptions("A").empty());
}

Announcement as(Announcement announced, std::string certificate) {
  announced.certificate = std::move(certificate);
  return announced;
}

TEST(Routes, AStandByThatLeadsToAnotherServerIsRefused) {
  const std::vector<Announcement> through_r1{as(at("A", {"R1"}), "c1")},
      through_r2{as(at("A", {"R2"}), "c2")};
  const Plan first = plan_routes("M1", {neighbour("R1", through_r1), neighbour("R2", through_r2)}, {});
  EXPECT_EQ(next_hop(first, "A"), "R1");
  EXPECT_EQ(first.routes.at("A").certificate, "c1");
  EXPECT_TRUE(first.routes.at("A").stand_by.empty());
  ASSERT_EQ(first.refused.size(), 1U);
  EXPECT_EQ(first.refused[0],
            (Refusal{"R2", "A", "another server has this id there: certificate c2, known is c1"}));
  const Plan broken =
      plan_routes("M1", {neighbour("R1", through_r1, false), neighbour("R2", through_r2)}, first);
  EXPECT_EQ(next_hop(broken, "A"), "R1") << "rather no answer than one of another server";
}

TEST(Routes, WhatIsSeenHereCountsMoreThanWhatIsTold) {
  const Neighbour direct = neighbour("A", {as(at("A"), "c1")}, false);
  const Neighbour told = neighbour("R1", {at("R1"), as(at("A", {"R1"}), "c2")});
  const Plan plan = plan_routes("M1", {direct, told}, {});
  EXPECT_EQ(next_hop(plan, "A"), "A");
  EXPECT_EQ(plan.refused.size(), 1U);
}

TEST(Routes, TheWayInUseMayTellOfANewCertificate) {
  const Plan first = plan_routes(
      "M1", {neighbour("R1", {as(at("A", {"R1"}), "c1")}), neighbour("R2", {as(at("A", {"R2"}), "c1")})}, {});
  EXPECT_EQ(first.routes.at("A").stand_by, (std::vector<std::string>{"R2"}));
  const Plan renewed = plan_routes(
      "M1", {neighbour("R1", {as(at("A", {"R1"}), "c2")}), neighbour("R2", {as(at("A", {"R2"}), "c1")})},
      first);
  EXPECT_EQ(next_hop(renewed, "A"), "R1");
  EXPECT_EQ(renewed.routes.at("A").certificate, "c2");
  EXPECT_EQ(renewed.refused.size(), 1U) << "until the other way knows it, too";
  const Plan agreed = plan_routes(
      "M1", {neighbour("R1", {as(at("A", {"R1"}), "c2")}), neighbour("R2", {as(at("A", {"R2"}), "c2")})},
      renewed);
  EXPECT_TRUE(agreed.refused.empty());
}

TEST(Routes, ACertificateThatNoWayLeadsToIsForgotten) {
  const Plan first = plan_routes("M1", {neighbour("R1", {as(at("A", {"R1"}), "c1")})}, {});
  const Plan moved = plan_routes("M1", {neighbour("R2", {as(at("A", {"R2"}), "c2")})}, first);
  EXPECT_EQ(next_hop(moved, "A"), "R2");
  EXPECT_EQ(moved.routes.at("A").certificate, "c2");
}

TEST(Routes, WaysThatTellNoCertificateAreTakenAsBefore) {
  const Plan first = plan_routes("M1", {neighbour("R1", {as(at("A", {"R1"}), "c1")})}, {});
  const std::vector<Neighbour> now{neighbour("R1", {as(at("A", {"R1"}), "c1")}, false),
                                   neighbour("R2", {at("A", {"R2"})})};
  const Plan silent = plan_routes("M1", now, first);
  EXPECT_EQ(next_hop(silent, "A"), "R2");
  EXPECT_EQ(silent.routes.at("A").certificate, "c1") << "it stays known";
}

}  // namespace
}  // namespace mullion::manager
