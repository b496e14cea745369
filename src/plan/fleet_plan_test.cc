#include "plan/fleet_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::plan {
namespace {

json::value fleet_line(const std::string& name, const std::string& version, uint64_t bytes, size_t number = 0,
                       bool restarts = false) {
  return json::object{{"Type", "ContentPackage"}, {"Name", name},     {"Version", version},
                      {"Action", "AddOrUpdate"},  {"Current", "v1"},  {"Bytes", bytes},
                      {"Restarts", restarts},     {"Number", number}, {"After", json::array{number}}};
}

PlanContent content_of(json::array actions, std::vector<std::string> problems = {}) {
  PlanContent content;
  content.actions = std::move(actions);
  content.problems = std::move(problems);
  return content;
}

const json::array& list(const json::object& object, const char* name) { return object.at(name).as_array(); }

TEST(FleetPlan, EqualContentIsOneGroupWhateverThePlacesOfItsLines) {
  FleetPlan plan;
  plan.add({{"a", 1.0}}, content_of({fleet_line("x", "v2", 10, 0)}));
  plan.add({{"b", 12.5}}, content_of({fleet_line("x", "v2", 10, 7)}));
  plan.add({{"c", std::nullopt}}, content_of({fleet_line("x", "v3", 10)}));
  plan.add({{"d", 2.0}}, content_of({fleet_line("x", "v2", 10)}, {"no build for arm64"}));
  plan.add_unplanned("e", "unreachable");
  plan.add_unplanned("f", "unreachable");
  const json::object shown = plan.show("M", {});
  EXPECT_EQ(shown.at("Count").to_number<int>(), 6);
  ASSERT_EQ(list(shown, "Groups").size(), 3U);
  const json::object& first = list(shown, "Groups")[0].as_object();
  EXPECT_EQ(first.at("Count").to_number<int>(), 2);
  EXPECT_EQ(json::serialize(first.at("Endpoints")), R"(["a","b"])");
  EXPECT_EQ(first.at("OldestFacts").to_number<double>(), 12.5) << "of the group, not of its first endpoint";
  EXPECT_EQ(shown.at("FactsAges").as_object().size(), 3U) << "nobody knows the age of c";
  ASSERT_EQ(list(shown, "Problems").size(), 1U);
  EXPECT_EQ(json::serialize(list(shown, "Problems")[0].at("Endpoints")), R"(["e","f"])");
}

TEST(FleetPlan, BytesAndRestartsAreOfOneEndpoint) {
  PlanContent content = content_of({fleet_line("x", "v2", 10), fleet_line("y", "v2", 5, 1, true)});
  content.deletions.push_back(fleet_line("z", "", 0));
  EXPECT_EQ(content.bytes(), 15U);
  EXPECT_TRUE(content.restarts());
  EXPECT_FALSE(content_of({fleet_line("x", "v2", 10)}).restarts());
}

/// M has R and d; R has a, b and S; S has c.
const Parents kTree{{"R", "M"}, {"a", "R"}, {"b", "R"}, {"S", "R"}, {"c", "S"}, {"d", "M"}};

struct LinkCase {
  std::string name;
  std::vector<std::pair<std::string, PlanContent>> endpoints;
  std::string links;  // "FROM>TO bytes/artifacts ..."
};

class FleetLinks : public ::testing::TestWithParam<LinkCase> {};

TEST_P(FleetLinks, CarryEachArtifactOnce) {
  LinkLoad load(kTree, "M");
  for (const auto& [endpoint, content] : GetParam().endpoints) load.add(endpoint, moved_by(content));
  std::string links;
  for (const json::value& link : load.show()) {
    if (!links.empty()) links += " ";
    links += std::string(link.at("From").as_string()) + ">" + std::string(link.at("To").as_string()) + " " +
             std::to_string(link.at("Bytes").to_number<int>()) + "/" +
             std::to_string(link.at("Artifacts").to_number<int>());
  }
  EXPECT_EQ(links, GetParam().links);
}

INSTANTIATE_TEST_SUITE_P(
    Table, FleetLinks,
    ::testing::Values(LinkCase{"Nothing", {{"a", content_of({})}}, ""},
                      LinkCase{"WithoutBytes", {{"a", content_of({fleet_line("x", "v2", 0)})}}, ""},
                      LinkCase{"Direct", {{"d", content_of({fleet_line("x", "v2", 10)})}}, "M>d 10/1"},
                      LinkCase{"Shared",
                               {{"a", content_of({fleet_line("x", "v2", 10)})},
                                {"b", content_of({fleet_line("x", "v2", 10)})}},
                               "M>R 10/1 R>a 10/1 R>b 10/1"},
                      LinkCase{"DifferentOnes",
                               {{"a", content_of({fleet_line("x", "v2", 10)})},
                                {"c", content_of({fleet_line("x", "v2", 10), fleet_line("y", "v2", 3)})}},
                               "M>R 13/2 R>S 13/2 R>a 10/1 S>c 13/2"},
                      LinkCase{"OfNobodyKnown", {{"q", content_of({fleet_line("x", "v2", 10)})}}, ""}),
    [](const ::testing::TestParamInfo<LinkCase>& info) { return info.param.name; });

TEST(FleetLinks, AWayInACircleEnds) {
  const Parents circle{{"a", "b"}, {"b", "a"}};
  LinkLoad load(circle, "M");
  load.add("a", moved_by(content_of({fleet_line("x", "v2", 10)})));
  EXPECT_EQ(load.show().size(), 2U);
}

/// An answer of 16 MiB, as another manager may send: what it makes of memory and of work must not be what it
/// says times the number of endpoints that it says it of.
TEST(FleetPlan, APlanOfManyEndpointsCostsAsMuchAsThatOfOne) {
  constexpr size_t kLines = 100'000, kEndpoints = 1000;
  PlanContent content;
  for (size_t i = 0; i < kLines; ++i)
    content.actions.push_back(json::object{{"Sha256Sum", std::to_string(i)}, {"Bytes", 1}});
  std::vector<FleetPlan::Planned> endpoints;
  Parents parents;
  for (size_t i = 0; i < kEndpoints; ++i) {
    endpoints.push_back({std::to_string(i), std::nullopt});
    parents[std::to_string(i)] = "R";
  }
  parents["R"] = "M";
  FleetPlan plan;
  plan.add(std::move(endpoints), std::move(content));
  const json::object shown = plan.show("M", parents);  // else 200 million artifacts, once for each link
  ASSERT_EQ(list(shown, "Links").size(), kEndpoints + 1);
  for (const json::value& link : list(shown, "Links"))
    EXPECT_EQ(link.at("Artifacts").to_number<size_t>(), kLines);
}

}  // namespace
}  // namespace mullion::plan
