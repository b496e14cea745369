#include "plan/baseline.h"

#include <gmock/gmock.h>

#include "plan/plan_testing.h"

namespace mullion::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ModelEndpoint full_endpoint() {
  ModelEndpoint edge;
  edge.has(Kind::kContentPackage, "pack", "v1.2.3", "BasicStore");
  edge.has(Kind::kContentPackage, "rackn-license", "v1.0.0");
  edge.has(Kind::kPluginProvider, "prov", "v2.0.0");
  edge.has_plugin("p", "prov",
                  {{"a", 1}, {"secret", json::object{{"Key", "k"}, {"Nonce", "n"}, {"Payload", "p"}}}});
  edge.has_plugin("manager", "manager");
  edge.observed.prefs = {
      {"logLevel", "debug"}, {"debugDhcp", "warn"}, {"manager", "false"}, {"defaultStage", "none"}};
  edge.observed.global = {{"x", json::array{1, 2}},
                          {"sealed", json::object{{"Key", "k"}, {"Nonce", "n"}, {"Payload", "p"}}}};
  edge.observed.files = {{"files/here", std::string(64, 'a')},
                         {"files/travelled/files/x", std::string(64, 'a')},
                         {"files/other", std::string(64, 'b')},
                         {"isos/away", std::string(64, 'c')}};
  return edge;
}

std::optional<PlanInputs::OwnFile> own_file(const std::string& path) {
  if (path == "isos/away") return std::nullopt;
  return PlanInputs::OwnFile{10, std::string(64, 'a')};
}

versionset::VersionSet parsed_set(const json::object& set) {
  const Result<versionset::VersionSet> out = versionset::VersionSet::parse(json::serialize(set));
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? *out : versionset::VersionSet{};
}

TEST(Baseline, PlansNothingForAnEqualEndpoint) {
  const ModelEndpoint edge = full_endpoint();
  std::vector<std::string> left_out;
  const versionset::VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  const catalog::Items no_catalog;
  PlanInputs inputs{no_catalog};
  inputs.own_file = own_file;
  const Plan plan = make_plan(edge.observed, versionset::merge({&set}), inputs);
  EXPECT_TRUE(plan.empty()) << plan.actions.front().verb << " " << plan.actions.front().name;
  EXPECT_THAT(plan.problems, IsEmpty());
}

TEST(Baseline, SaysWhatItLeavesOut) {
  std::vector<std::string> left_out;
  const std::string text = json::serialize(baseline_of(full_endpoint().observed, "base", own_file, left_out));
  EXPECT_THAT(left_out,
              ElementsAre("ContentPackage rackn-license: a licence belongs to its servers",
                          "Plugin p: parameter secret: a secret", HasSubstr("Pref debugDhcp: turned"),
                          HasSubstr("Pref logLevel: turned"), HasSubstr("Pref manager: "),
                          "Pref baseTokenSecret: a secret", "Pref systemGrantorSecret: a secret",
                          "File files/other: this server's copy differs",
                          HasSubstr("File `files/travelled/files/x` is below files/travelled/"),
                          "File isos/away: this server has no copy of it", "Global sealed: a secret"));
  EXPECT_THAT(text, Not(HasSubstr("Nonce")));
  EXPECT_THAT(text, HasSubstr("files/here"));
}

TEST(Baseline, ComponentWithoutVersionIsIgnored) {
  ModelEndpoint edge;
  edge.has(Kind::kContentPackage, "odd", "");
  std::vector<std::string> left_out;
  const versionset::VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  ASSERT_EQ(set.components.size(), 1u);
  EXPECT_TRUE(set.components[0].ignored());
}

TEST(Baseline, ManagersKeepTheirOwnPieces) {
  ModelEndpoint edge;
  edge.observed.manager = true;
  edge.has(Kind::kContentPackage, "rackn-catalog", "v1.0.5");
  edge.has(Kind::kContentPackage, "pack", "v1.0.0");
  std::vector<std::string> left_out;
  const versionset::VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  ASSERT_EQ(set.components.size(), 1u) << "a catalog is built by the manager that has it";
  const catalog::Items none;
  EXPECT_TRUE(make_plan(edge.observed, versionset::merge({&set}), PlanInputs{none}).empty());
}

}  // namespace
}  // namespace mullion::plan
