// Which copies of version sets, items and files go to the downstream managers.
#include "plan/sync_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/secure_params.h"

namespace mullion::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kPackSum(64, 'a');
const std::string kArmSum(64, 'b');
const std::string kIntelSum(64, 'c');
const std::string kFileSum(64, 'd');

catalog::Item item(std::string_view name, std::string_view version, std::string_view type,
                   std::string_view source, std::map<std::string, std::string> sums) {
  catalog::Item out;
  out.name = name;
  out.version = out.actual_version = version;
  out.id = fmt::format("{}-{}", name, version);
  out.content_type = type;
  out.source = source;
  out.sha256 = std::move(sums);
  return out;
}

/// M1, above R1 that configures A (amd64) and B (arm64).
class SyncPlanTest : public ::testing::Test {
 protected:
  SyncPlanTest() {
    std::vector<catalog::Item> items;
    const std::string tree = "http://m1:8091/files/rebar-catalog/";
    items.push_back(
        item("pack", "v2.0.0", "ContentPackage", tree + "pack/v2.0.0.json", {{"any/any", kPackSum}}));
    items.push_back(items.back());
    items.back().id = "pack-stable";
    items.back().version = "stable";
    items.push_back(item("tool", "v1.0.0", "PluginProvider", tree + "tool/v1.0.0",
                         {{"amd64/linux", kIntelSum}, {"arm64/linux", kArmSum}}));
    catalog_ = catalog::Items(std::move(items));
    managers_["R1"];
  }

  void declare(const std::string& name, const std::string& body) {
    own_sets_[name] = json::parse(body).as_object();
  }
  void below(std::string id, std::string arch, std::vector<std::string> sets, std::string next_hop = "R1") {
    endpoints_.push_back({std::move(id), std::move(next_hop), std::move(arch), "linux", std::move(sets)});
  }
  SyncPlans plan() {
    return plan_sync({"M1", own_sets_, endpoints_, managers_, catalog_,
                      [](const std::string& path) {
                        return path == "files/images/a.img"
                                   ? std::optional<PlanInputs::OwnFile>({10, kFileSum})
                                   : std::nullopt;
                      },
                      same_secret_, is_untidy_});
  }
  /// What the manager has once a plan has been carried out.
  void arrive(const SyncPlan& plan) {
    DownstreamManager& there = managers_[plan.next_hop];
    for (const json::object& object : plan.items)
      there.items[std::string(object.at("Id").as_string())] = object;
    for (const json::object& object : plan.sets) {
      json::object stored = object;
      stored["Validated"] = true;  // as a server fills in
      there.sets[std::string(object.at("Id").as_string())] = std::move(stored);
    }
    for (const std::string& name : plan.stale_sets) there.sets.erase(name);
    for (const std::string& id : plan.stale_items) there.items.erase(id);
  }
  static std::vector<std::string> builds(const json::object& object) {
    std::vector<std::string> out;
    const Result<catalog::Item> item = catalog::Item::parse(object);
    if (!item) return out;
    for (const auto& [build, sum] : item->sha256) out.push_back(build);
    return out;
  }
  static std::vector<std::string> paths(const SyncPlan& plan) {
    std::vector<std::string> out;
    for (const Upload& upload : plan.uploads) out.push_back(upload.path);
    return out;
  }

  catalog::Items catalog_;
  std::map<std::string, json::object> own_sets_;
  std::vector<DownstreamEndpoint> endpoints_;
  std::map<std::string, DownstreamManager> managers_;
  decltype(SyncInputs::same_secret) same_secret_;
  decltype(SyncInputs::is_untidy) is_untidy_;
};

TEST_F(SyncPlanTest, ASetNobodyBelowNamesStaysHere) {
  declare("base", R"({"Id":"base","Components":[{"Type":"CP","Name":"pack","Version":"stable"}]})");
  below("A", "amd64", {"other"});
  EXPECT_THAT(plan().plans, IsEmpty());
}

TEST_F(SyncPlanTest, ACopyIsPinnedAndMarked) {
  declare("base", R"({"Id":"base","Meta":{"color":"red"},"Components":[
      {"Type":"CP","Name":"pack","Version":"stable"},{"Type":"CP","Name":"left","Version":"ignore"}]})");
  below("A", "amd64", {"base"});
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  const SyncPlan& plan = made.plans[0];
  ASSERT_EQ(plan.sets.size(), 1U);
  const json::object& copy = plan.sets[0];
  EXPECT_EQ(copy.at("Meta").at("mullion/from"), "M1");
  EXPECT_EQ(copy.at("Meta").at("color"), "red");
  EXPECT_EQ(copy.at("Components").at(0).at("Version"), "v2.0.0");
  EXPECT_EQ(copy.at("Components").at(1).at("Version"), "ignore");
  ASSERT_EQ(plan.items.size(), 1U);
  EXPECT_EQ(plan.items[0].at("Id"), "travelled-pack-v2.0.0");
  EXPECT_THAT(paths(plan), ElementsAre("travelled/M1/rebar-catalog/pack/v2.0.0.json"));
  EXPECT_EQ(plan.uploads[0].artifact.path, "rebar-catalog/pack/v2.0.0.json");
  EXPECT_EQ(plan.uploads[0].artifact.sha256, kPackSum);
}

TEST_F(SyncPlanTest, WhatIsInstalledHereIsTakenAlong) {
  catalog_ = catalog::Items(
      {item("own", "v1.0.0", "ContentPackage", "installed://contents/own", {{"any/any", kPackSum}}),
       item("run", "v1.0.0", "PluginProvider", "installed://plugin_providers/run",
            {{"amd64/linux", kIntelSum}})});
  declare("base", R"({"Id":"base","Components":[{"Name":"own","Version":"v1.0.0"},
      {"Name":"run","Version":"v1.0.0"}]})");
  below("A", "amd64", {"base"});
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.problems, IsEmpty());
  EXPECT_THAT(paths(made.plans[0]), ElementsAre("travelled/M1/rebar-catalog/own/v1.0.0/own",
                                                "travelled/M1/rebar-catalog/run/v1.0.0/run/amd64/linux/run"));
  EXPECT_EQ(made.plans[0].uploads[0].artifact.source, "installed://contents/own");
  EXPECT_EQ(made.plans[0].uploads[1].artifact.source, "installed://plugin_providers/run/amd64/linux/run");
  EXPECT_EQ(made.plans[0].items[0].at("Source"), "self://files/travelled/M1/rebar-catalog/own/v1.0.0/own");
  arrive(made.plans[0]);
  EXPECT_THAT(plan().plans, IsEmpty());
}

TEST_F(SyncPlanTest, WhatArrivedIsNotSentAgain) {
  declare("base",
          R"({"Id":"base","DRPVersion":"","Components":[{"Type":"CP","Name":"pack","Version":"stable"},
      {"Type":"PP","Name":"tool","Version":"v1.0.0"}],"Files":[{"Path":"files/a","Source":"self://files/images/a.img"}]})");
  below("A", "amd64", {"base"});
  SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_EQ(made.plans[0].uploads.size(), 3U);
  arrive(made.plans[0]);
  EXPECT_THAT(plan().plans, IsEmpty());
  below("A2", "amd64", {"base"});
  EXPECT_THAT(plan().plans, IsEmpty()) << "a second endpoint costs nothing";
}

TEST_F(SyncPlanTest, AnotherArchitectureAddsItsBuildAlone) {
  declare("base", R"({"Id":"base","Components":[{"Type":"PP","Name":"tool","Version":"v1.0.0"}]})");
  below("A", "amd64", {"base"});
  SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(paths(made.plans[0]), ElementsAre("travelled/M1/rebar-catalog/tool/v1.0.0/amd64/linux/tool"));
  EXPECT_THAT(builds(made.plans[0].items[0]), ElementsAre("amd64/linux")) << "only what is there is promised";
  arrive(made.plans[0]);
  below("B", "arm64", {"base"});
  made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(paths(made.plans[0]), ElementsAre("travelled/M1/rebar-catalog/tool/v1.0.0/arm64/linux/tool"));
  EXPECT_THAT(builds(made.plans[0].items[0]), ElementsAre("amd64/linux", "arm64/linux"));
  arrive(made.plans[0]);
  EXPECT_THAT(plan().plans, IsEmpty());
}

TEST_F(SyncPlanTest, ASetOfItsOwnIsLeftAlone) {
  declare("base", R"({"Id":"base"})");
  below("A", "amd64", {"base"});
  managers_["R1"].sets["base"] = json::parse(R"({"Id":"base","Description":"of R1"})").as_object();
  const SyncPlans made = plan();
  EXPECT_THAT(made.plans, IsEmpty());
  EXPECT_THAT(made.problems, ElementsAre(::testing::HasSubstr("R1 has a version set base of its own")));
}

TEST_F(SyncPlanTest, WhatNobodyNamesAnyMoreIsTakenBack) {
  declare("base", R"({"Id":"base","Components":[{"Type":"PP","Name":"tool","Version":"v1.0.0"}]})");
  below("A", "amd64", {"base"});
  arrive(plan().plans.at(0));
  managers_["R1"].sets["own"] = json::parse(R"({"Id":"own"})").as_object();
  endpoints_.clear();
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.plans[0].stale_sets, ElementsAre("base"));
  EXPECT_THAT(made.plans[0].stale_items, ElementsAre("travelled-tool-v1.0.0"));
  EXPECT_THAT(made.plans[0].files_to_keep, IsEmpty());
  arrive(made.plans[0]);
  EXPECT_THAT(plan().plans, IsEmpty());
}

TEST_F(SyncPlanTest, AChangedSetTravelsAgainAndAMovedStableToo) {
  declare("base", R"({"Id":"base","Components":[{"Type":"CP","Name":"pack","Version":"stable"}]})");
  below("A", "amd64", {"base"});
  arrive(plan().plans.at(0));
  own_sets_["base"]["Description"] = "new";
  SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.plans[0].uploads, IsEmpty());
  EXPECT_EQ(made.plans[0].sets.at(0).at("Description"), "new");
  arrive(made.plans[0]);
  std::vector<catalog::Item> items = catalog_.all();
  items.push_back(item("pack", "v3.0.0", "ContentPackage", "self://files/rebar-catalog/pack/v3.0.0.json",
                       {{"any/any", kFileSum}}));
  items[1] = items.back();
  items[1].id = "pack-stable";
  items[1].version = "stable";
  catalog_ = catalog::Items(std::move(items));
  made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_EQ(made.plans[0].sets.at(0).at("Components").at(0).at("Version"), "v3.0.0");
  EXPECT_THAT(made.plans[0].stale_items, ElementsAre("travelled-pack-v2.0.0"));
}

TEST_F(SyncPlanTest, FilesThatASetStillNeedsAreKeptAndNoOthers) {
  declare("base", R"({"Id":"base","Components":[{"Type":"CP","Name":"pack","Version":"stable"}],
      "Files":[{"Path":"files/a","Source":"self://files/images/a.img"}]})");
  below("A", "amd64", {"base"});
  arrive(plan().plans.at(0));
  own_sets_["base"].erase("Components");
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.plans[0].files_to_keep, ElementsAre("travelled/M1/files/" + kFileSum + "/a.img"));
  EXPECT_THAT(made.plans[0].stale_items, ElementsAre("travelled-pack-v2.0.0"));
}

TEST_F(SyncPlanTest, WhereFilesMayBeLeftOverThereIsAPlanThatSaysWhichStay) {
  declare("base", R"({"Id":"base","Files":[{"Path":"files/a","Source":"self://files/images/a.img"}]})");
  below("A", "amd64", {"base"});
  arrive(plan().plans.at(0));
  EXPECT_THAT(plan().plans, IsEmpty());
  is_untidy_ = [](const SyncPlan& made) { return made.files_to_keep.size() == 1; };
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_TRUE(made.plans[0].empty());
  EXPECT_THAT(made.plans[0].files_to_keep, ElementsAre("travelled/M1/files/" + kFileSum + "/a.img"));
  is_untidy_ = [](const SyncPlan&) { return false; };
  EXPECT_THAT(plan().plans, IsEmpty());
}

TEST_F(SyncPlanTest, WhatAnotherManagerBroughtIsNotTouched) {
  declare("base", R"({"Id":"base","Components":[{"Type":"CP","Name":"pack","Version":"stable"}]})");
  below("A", "amd64", {"base"});
  managers_["R1"].items["travelled-pack-v2.0.0"] =
      json::parse(R"({"Id":"travelled-pack-v2.0.0","Meta":{"mullion/from":"M2"}})").as_object();
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.plans[0].items, IsEmpty());
  EXPECT_EQ(made.plans[0].sets.at(0).at("Components").at(0).at("Version"), "v2.0.0");
  EXPECT_THAT(made.problems, ElementsAre(::testing::HasSubstr("from another manager already")));
}

json::object sealed(const std::string& payload) {
  return {{"Key", "k"}, {"Nonce", "n"}, {"Payload", payload}};
}

TEST_F(SyncPlanTest, SecretsTravelSealedAnew) {
  declare("base", R"({"Id":"base","Plugins":[{"Name":"p","Params":{"plain":1}}]})");
  own_sets_["base"]["Global"] = json::object{{"plain", 1}, {"pass/word", sealed("here")}};
  own_sets_["base"]["Plugins"].as_array()[0].as_object()["Params"].as_object()["key"] = sealed("plugin here");
  below("A", "amd64", {"base"});
  SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_THAT(made.problems, IsEmpty());
  json::value copy = made.plans[0].sets.at(0);
  EXPECT_TRUE(model::holds_sealed(copy));
  const auto anew = [](const json::value& here) -> Result<json::value> {
    return json::value(sealed(std::string(here.at("Payload").as_string()) + " there"));
  };
  const Result<std::vector<SealedAnew>> secrets = seal_anew(copy, anew);
  ASSERT_TRUE(secrets);
  ASSERT_EQ(secrets->size(), 2U);
  EXPECT_EQ(copy.at("Global").at("pass/word"), sealed("here there"));
  EXPECT_EQ(copy.at("Global").at("plain"), 1);

  managers_["R1"].sets["base"] = copy.as_object();
  same_secret_ = [&](const std::string& next_hop, const std::string& place, const json::value& wanted,
                     const json::value& shown) {
    return next_hop == "R1" && std::ranges::any_of(*secrets, [&](const SealedAnew& known) {
             return known.place == place && known.here == wanted && known.there == shown;
           });
  };
  EXPECT_THAT(plan().plans, IsEmpty()) << "nothing changed";
  own_sets_["base"]["Global"].as_object()["pass/word"] = sealed("another");
  EXPECT_EQ(plan().plans.size(), 1U);
  own_sets_["base"]["Global"].as_object()["pass/word"] = sealed("here");
  managers_["R1"].sets["base"]["Global"].as_object()["pass/word"] = sealed("by hand");
  EXPECT_EQ(plan().plans.size(), 1U);
}

TEST_F(SyncPlanTest, ASecretThatCannotBeSealedStopsItsSet) {
  json::value set = json::parse(R"({"Id":"base","Global":{"a":{"Key":"k","Nonce":"n","Payload":"p"}}})");
  const Result<std::vector<SealedAnew>> secrets =
      seal_anew(set, [](const json::value&) -> Result<json::value> {
        return Error(ErrorCode::kInvalid, "its key is not here");
      });
  ASSERT_FALSE(secrets);
  EXPECT_EQ(set.at("Global").at("a").at("Payload"), "p");
}

TEST_F(SyncPlanTest, WhatIsNotKnownHereIsSaid) {
  declare("base", R"({"Id":"base","Components":[{"Type":"CP","Name":"missing","Version":"stable"}],
      "Files":[{"Path":"files/a","Source":"self://files/gone"},{"Path":"files/b","Source":"https://x/y"}]})");
  below("A", "amd64", {"base"});
  const SyncPlans made = plan();
  ASSERT_EQ(made.plans.size(), 1U);
  EXPECT_EQ(made.plans[0].sets.at(0).at("Components").at(0).at("Version"), "stable") << "R1 may know it";
  EXPECT_THAT(made.problems, ElementsAre(::testing::HasSubstr("missing stable is not in the catalog here"),
                                         ::testing::HasSubstr("self://files/gone is not a file here")));
}

}  // namespace
}  // namespace mullion::plan
