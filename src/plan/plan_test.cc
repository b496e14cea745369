#include "plan/plan.h"

#include <gmock/gmock.h>

#include "plan/plan_testing.h"

namespace mullion::plan {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kSum = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

catalog::Items small_catalog() {
  std::vector<catalog::Item> items;
  for (const char* version : {"v1.0.0", "v2.0.0"}) {
    items.push_back(made_item("base", version, "ContentPackage", "BasicStore"));
    items.push_back(made_item("mid", version, "ContentPackage", "base"));
    items.push_back(made_item("top", version, "ContentPackage", "mid, base"));
    items.push_back(made_item("prov", version, "PluginProvider"));
  }
  items.push_back(called(items[4], "stable"));
  items.push_back(called(items[5], "stable"));
  items.push_back(called(items[6], "stable"));
  items.push_back(called(items[7], "stable"));
  items.push_back(made_item("drp", "v4.1.0", "DRP"));
  items.push_back(called(items.back(), "stable"));
  items.push_back(made_item("drp-ux", "v2.1.0", "DRPUX"));
  items.push_back(called(items.back(), "stable"));
  items.push_back(made_item("lonely", "v1.0.0", "ContentPackage", "nowhere"));
  items.push_back(made_item("follower", "v1.0.0", "ContentPackage", "lonely"));
  items.push_back(made_item("picky", "v1.0.0", "ContentPackage", "base: >=3.0.0"));
  items.push_back(made_item("one", "v1.0.0", "ContentPackage", "two"));
  items.push_back(made_item("two", "v1.0.0", "ContentPackage", "one"));
  items.push_back(made_item("provneedy", "v1.0.0", "PluginProvider", "base"));
  return catalog::Items(std::move(items));
}

class PlanTest : public ::testing::Test {
 protected:
  /// The first body is the set with the highest priority.
  Plan plan(const std::vector<std::string>& bodies) {
    std::vector<versionset::VersionSet> sets;
    for (const std::string& body : bodies) {
      Result<versionset::VersionSet> set = versionset::VersionSet::parse(body);
      EXPECT_TRUE(set) << (set ? "" : set.error().text());
      if (set) sets.push_back(*set);
    }
    std::vector<const versionset::VersionSet*> order;
    for (const versionset::VersionSet& set : sets) order.push_back(&set);
    PlanInputs inputs{items};
    inputs.own_file = [this](const std::string& path) -> std::optional<PlanInputs::OwnFile> {
      const auto found = own_files.find(path);
      if (found == own_files.end()) return std::nullopt;
      return found->second;
    };
    inputs.provisioner_url = "http://manager:8091/";
    inputs.api_url = "https://manager:8092";
    inputs.same_secret = [this](const std::string&, const std::string& place, const json::value&,
                                const json::value&) { return known_secrets.contains(place); };
    inputs.is_secure = [](const std::string& param) { return param.ends_with("password"); };
    return make_plan(edge.observed, versionset::merge(order), inputs);
  }
  static std::vector<std::string> lines(const Plan& plan) {
    std::vector<std::string> out;
    for (const Action& action : plan.actions)
      out.push_back(fmt::format("{} {} {} {}", action.verb, versionset::kind_name(action.kind), action.name,
                                action.actual_version));
    return out;
  }
  static json::object shown(std::string_view key) { return {{"Key", key}, {"Nonce", "n"}, {"Payload", "p"}}; }

  catalog::Items items = small_catalog();
  ModelEndpoint edge;
  std::map<std::string, PlanInputs::OwnFile> own_files;
  std::set<std::string> known_secrets;
};

TEST_F(PlanTest, NothingIsPlannedBeforeTheEndpointHasTold) {
  edge.observed = {};
  edge.observed.id = "edge";
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"base","Type":"CP","Version":"stable"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems, ElementsAre(HasSubstr("edge has not told of itself yet")));
}

TEST_F(PlanTest, ServerFirstAndEverythingElseAfterIt) {
  const Plan made = plan({R"({"Id":"s","DRPVersion":"stable","DRPUXVersion":"stable","Prefs":{"p":"1"},
    "Components":[{"Name":"base","Type":"CP","Version":"stable"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("AddOrUpdate DRP drp v4.1.0", "AddOrUpdate DRPUX drp-ux v2.1.0",
                                       "AddOrUpdate ContentPackage base v2.0.0", "Set Pref p "));
  EXPECT_TRUE(made.actions[0].restarts) << "breakage 17: a restart is said before it happens";
  EXPECT_EQ(made.actions[0].current, "v4.0.0");
  for (size_t i = 1; i < made.actions.size(); ++i) EXPECT_THAT(made.actions[i].after, Contains(0u)) << i;
}

TEST_F(PlanTest, PacksAfterWhatTheyNeedProvidersAfterPacks) {
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"provneedy","Type":"PP","Version":"v1.0.0"},
    {"Name":"top","Type":"CP","Version":"stable"},{"Name":"mid","Type":"CP","Version":"stable"},
    {"Name":"base","Type":"CP","Version":"stable"}]})"});
  EXPECT_THAT(
      lines(made),
      ElementsAre("AddOrUpdate ContentPackage base v2.0.0", "AddOrUpdate ContentPackage mid v2.0.0",
                  "AddOrUpdate ContentPackage top v2.0.0", "AddOrUpdate PluginProvider provneedy v1.0.0"));
  EXPECT_THAT(made.actions[2].after, ElementsAre(1u, 0u));
  EXPECT_THAT(made.actions[3].after, ElementsAre(0u)) << "breakage 11: prerequisites of providers count too";
}

TEST_F(PlanTest, EqualMeansEmptyEvenWithoutCatalog) {
  items = catalog::Items();
  edge.has(Kind::kContentPackage, "base", "v1.0.0");
  const Plan made = plan({R"({"Id":"s","DRPVersion":"v4.0.0","DRPUXVersion":"v2.0.0",
    "Components":[{"Name":"base","Type":"CP","Version":"v1.0.0"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems, IsEmpty());
}

TEST_F(PlanTest, TypeMayBeLeftOut) {  // breakage 61
  const Plan made = plan(
      {R"({"Id":"s","Components":[{"Name":"prov","Version":"stable"},{"Name":"base","Version":"tip"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("AddOrUpdate PluginProvider prov v2.0.0"));
  EXPECT_THAT(made.problems, ElementsAre(AllOf(HasSubstr("s: "), HasSubstr("base"), HasSubstr("tip"))));
}

TEST_F(PlanTest, CatalogThatLacksItemsIsAProblemNotADeletion) {  // breakages 10, 13, 19
  items = catalog::Items();
  edge.has(Kind::kContentPackage, "rackn-license", "v1.0.0");
  const Plan made =
      plan({R"({"Id":"licence","Components":[{"Name":"rackn-license","Type":"CP","Version":"stable"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems, ElementsAre(AllOf(HasSubstr("licence: "), HasSubstr("rackn-license"))));
}

TEST_F(PlanTest, MissingPrerequisiteTakesItsFollowersAlong) {
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"follower","Type":"CP","Version":"v1.0.0"},
    {"Name":"lonely","Type":"CP","Version":"v1.0.0"},{"Name":"base","Type":"CP","Version":"v1.0.0"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("AddOrUpdate ContentPackage base v1.0.0")) << "what is sound stays";
  EXPECT_THAT(made.problems,
              Contains("s: lonely v1.0.0 needs nowhere, which is neither installed nor wanted"));
  EXPECT_THAT(made.problems,
              Contains("s: follower v1.0.0 needs lonely, which is neither installed nor wanted"));
}

TEST_F(PlanTest, PrerequisiteOfAnotherVersion) {
  edge.has(Kind::kContentPackage, "base", "v1.0.0");
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"picky","Type":"CP","Version":"v1.0.0"},
    {"Name":"base","Type":"CP","Version":"v2.0.0"}]})"});
  EXPECT_THAT(made.problems, ElementsAre("s: picky v1.0.0 needs base >=3.0.0, but v2.0.0 would not do"));
}

TEST_F(PlanTest, CirclesAreAProblem) {
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"one","Type":"CP","Version":"v1.0.0"},
    {"Name":"two","Type":"CP","Version":"v1.0.0"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems, ElementsAre("one, two need each other in a circle"));
}

TEST_F(PlanTest, WrongTypeIsAProblem) {
  edge.has(Kind::kPluginProvider, "base", "v1.0.0");
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"base","Type":"CP","Version":"v2.0.0"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems,
              ElementsAre("s: base is wanted as ContentPackage, but is a PluginProvider on edge"));
}

TEST_F(PlanTest, NoBuildForTheArchitecture) {
  edge.observed.arch = "arm64";
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"prov","Type":"PP","Version":"stable"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems, ElementsAre(HasSubstr("has no build for arm64/linux")));
}

// ---- deletions

TEST_F(PlanTest, UndeclaredGoesPerKindOnly) {  // breakage 14
  edge.has(Kind::kContentPackage, "by-hand", "v1.0.0");
  edge.has(Kind::kPluginProvider, "prov", "v1.0.0");
  edge.has_plugin("mine", "prov");
  EXPECT_TRUE(plan({R"({"Id":"s","Prefs":{}})"}).empty()) << "a set without packs says nothing about packs";
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"base","Type":"CP","Version":"v1.0.0"}]})"});
  EXPECT_THAT(lines(made),
              ElementsAre("AddOrUpdate ContentPackage base v1.0.0", "Delete ContentPackage by-hand v1.0.0"));
  EXPECT_EQ(made.deletions_from, 1u);
  EXPECT_EQ(made.actions[1].current, "v1.0.0");
  EXPECT_EQ(made.actions[1].from, Provenance{});
}

TEST_F(PlanTest, OnlyIgnoreEntriesDeclareNothing) {
  edge.has(Kind::kContentPackage, "by-hand", "v1.0.0");
  EXPECT_TRUE(plan({R"({"Id":"s","Components":[{"Name":"x","Type":"CP","Version":"ignore"}]})"}).empty());
}

TEST_F(PlanTest, WhatIsProtectedStays) {  // breakage 15
  edge.observed.manager = true;
  edge.has(Kind::kContentPackage, "BasicStore", "v1.0.0");
  edge.has(Kind::kContentPackage, "rackn-license", "v1.0.0");
  edge.has(Kind::kContentPackage, "rackn-catalog", "v1.0.0");
  edge.has(Kind::kContentPackage, "spared", "v1.0.0");
  edge.has(Kind::kPluginProvider, "manager", "v1.0.0");
  edge.has(Kind::kPluginProvider, "auto", "v1.0.0");
  edge.observed.auto_start = {"auto"};
  edge.has_plugin("auto", "auto");
  edge.has_plugin("manager", "manager");
  const std::string set = R"({"Id":"s","Components":[{"Name":"base","Type":"CP","Version":"v1.0.0"},
    {"Name":"prov","Type":"PP","Version":"v1.0.0"},{"Name":"spared","Type":"CP","Version":"ignore"}],
    "Plugins":[{"Name":"wanted","Provider":"prov"}]})";
  EXPECT_THAT(lines(plan({set})), Each(Not(HasSubstr("Delete"))));
  edge.observed.manager = false;
  EXPECT_THAT(lines(plan({set})), Contains("Delete ContentPackage rackn-catalog v1.0.0"))
      << "no manager needs it there";
}

TEST_F(PlanTest, WhatSomethingNeedsThatStaysStays) {
  edge.has(Kind::kContentPackage, "deep", "v1.0.0");
  edge.has(Kind::kContentPackage, "needed", "v1.0.0", "deep");
  edge.has(Kind::kContentPackage, "keeper", "v1.0.0", "needed: >=1.0");
  edge.has(Kind::kContentPackage, "gone", "v1.0.0", "needed");
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"keeper","Type":"CP","Version":"v1.0.0"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("Delete ContentPackage gone v1.0.0"));
}

TEST_F(PlanTest, DeletionsGoFromTheTopDown) {
  edge.has(Kind::kContentPackage, "a", "v1.0.0");
  edge.has(Kind::kContentPackage, "b", "v1.0.0", "a");
  edge.has(Kind::kContentPackage, "c", "v1.0.0", "b, a");
  edge.has(Kind::kPluginProvider, "old", "v1.0.0", "a");
  edge.has_plugin("odd", "old");
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"base","Type":"CP","Version":"v1.0.0"},
    {"Name":"prov","Type":"PP","Version":"v1.0.0"}],"Plugins":[{"Name":"wanted","Provider":"prov"}]})"});
  EXPECT_THAT(lines(made),
              ElementsAre("AddOrUpdate ContentPackage base v1.0.0", "AddOrUpdate PluginProvider prov v1.0.0",
                          "AddOrUpdate Plugin wanted ", "Delete Plugin odd ",
                          "Delete PluginProvider old v1.0.0", "Delete ContentPackage c v1.0.0",
                          "Delete ContentPackage b v1.0.0", "Delete ContentPackage a v1.0.0"));
  EXPECT_EQ(made.deletions_from, 3u);
  EXPECT_THAT(made.actions[4].after, ElementsAre(3u));
  EXPECT_THAT(made.actions[7].after, ElementsAre(6u, 5u, 4u));
}

TEST_F(PlanTest, ProviderWhosePluginStaysStays) {
  edge.has(Kind::kPluginProvider, "old", "v1.0.0");
  edge.has_plugin("odd", "old");
  const Plan made = plan({R"({"Id":"s","Components":[{"Name":"prov","Type":"PP","Version":"v1.0.0"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("AddOrUpdate PluginProvider prov v1.0.0"));
}

/// After a restart of the manager: the object says what is there, and nobody has said what needs what.
TEST_F(PlanTest, NothingIsDeletedWhileWhatIsNeededIsNotKnown) {
  const json::object endpoint = json::parse(R"({"Id":"edge","Arch":"amd64","Os":"linux","Prefs":{"p":"1"},
    "Components":[{"Type":"ContentPackage","Name":"keeper","ActualVersion":"v1.0.0"},
                  {"Type":"ContentPackage","Name":"needed","ActualVersion":"v1.0.0"},
                  {"Type":"PluginProvider","Name":"auto","ActualVersion":"v1.0.0"}],
    "Plugins":[{"Name":"auto","Provider":"auto"}]})")
                                    .get_object();
  const std::string set = R"({"Id":"s","Components":[{"Name":"keeper","Type":"CP","Version":"v1.0.0"},
    {"Name":"prov","Type":"PP","Version":"v1.0.0"}],"Plugins":[{"Name":"wanted","Provider":"prov"}]})";
  edge.observed = Observed::parse(endpoint, {});
  ASSERT_TRUE(edge.observed.known);
  const Plan before = plan({set});
  EXPECT_THAT(lines(before),
              ElementsAre("AddOrUpdate PluginProvider prov v1.0.0", "AddOrUpdate Plugin wanted "));
  EXPECT_EQ(before.deletions_from, 2u);
  edge.observed =
      Observed::parse(endpoint, {.prerequisites = {{{"keeper", "needed"}}}, .auto_start = {{"auto"}}});
  EXPECT_THAT(lines(plan({set})), Each(Not(HasSubstr("Delete"))));
  edge.observed = Observed::parse(endpoint, {.prerequisites = std::map<std::string, std::string>()});
  EXPECT_THAT(lines(plan({set})), Contains("Delete ContentPackage needed v1.0.0"));
}

// ---- plugins

TEST_F(PlanTest, PluginsAfterTheirProvider) {
  edge.has(Kind::kPluginProvider, "prov", "v1.0.0");
  edge.has_plugin("p", "prov", {{"a", 1}});
  const std::string same = R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov","Params":{"a":1}}]})";
  EXPECT_TRUE(plan({same}).empty());
  const Plan made = plan({R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov","Params":{"a":2}}],
    "Components":[{"Name":"prov","Type":"PP","Version":"v2.0.0"}]})"});
  EXPECT_THAT(lines(made), ElementsAre("AddOrUpdate PluginProvider prov v2.0.0", "AddOrUpdate Plugin p "));
  EXPECT_THAT(made.actions[1].after, ElementsAre(0u));
  EXPECT_THAT(made.actions[1].current, HasSubstr(R"("a":1)"));
}

TEST_F(PlanTest, PluginWithoutProviderIsAProblem) {
  const Plan made = plan({R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov"}]})"});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.problems,
              ElementsAre("s: plugin p needs provider prov, which is neither installed nor wanted"));
}

TEST_F(PlanTest, PluginMetaIsComparedAsFarAsItIsGiven) {
  edge.has(Kind::kPluginProvider, "prov", "v1.0.0");
  edge.has_plugin("p", "prov");
  edge.observed.plugins[0]["Meta"] = {{"color", "red"}, {"icon", "x"}};
  EXPECT_TRUE(
      plan({R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov","Meta":{"color":"red"}}]})"}).empty());
  EXPECT_FALSE(
      plan({R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov","Meta":{"color":"blue"}}]})"}).empty());
}

TEST_F(PlanTest, ThePseudoPluginOfManagersIsLeftAlone) {
  EXPECT_TRUE(plan({R"({"Id":"s","Plugins":[{"Name":"manager","Provider":"manager"}]})"}).empty());
}

// ---- files

TEST_F(PlanTest, FilesByChecksum) {
  own_files["files/src"] = {1234, std::string(kSum)};
  edge.observed.files["files/same"] = kSum;
  edge.observed.files["files/old"] = std::string(64, 'c');
  const Plan made = plan({fmt::format(R"({{"Id":"s","Files":[
    {{"Path":"files/same","Source":"self://files/src"}},
    {{"Path":"files/old","Source":"self://files/src","Sha256Sum":"{0}","Explode":true}},
    {{"Path":"isos/x.iso","Source":"{{{{ .ProvisionerURL }}}}/isos/x","Sha256Sum":"{0}"}},
    {{"Path":"files/web","Source":"{{{{.ApiURL}}}}/other/web","Sha256Sum":"{0}"}},
    {{"Path":"files/bad","Source":"self://files/src","Sha256Sum":"{1}"}}]}})",
                                      kSum, std::string(64, 'd'))});
  ASSERT_THAT(lines(made), ElementsAre("AddOrUpdate File files/old self://files/src",
                                       "AddOrUpdate File files/web {{.ApiURL}}/other/web"));
  EXPECT_EQ(made.actions[0].value, true);
  EXPECT_EQ(made.actions[0].bytes, 1234u);
  EXPECT_EQ(made.actions[0].current, std::string(64, 'c'));
  EXPECT_EQ(made.actions[0].artifact->source, "self://files/src");
  EXPECT_EQ(made.actions[1].artifact->source, "https://manager:8092/other/web");
  EXPECT_THAT(made.problems, ElementsAre("s: isos/x.iso: this server has no isos/x",
                                         HasSubstr("s: files/bad: expected sha256 dddd")));
}

TEST_F(PlanTest, FilesNobodyDeclaresStay) {
  edge.observed.files["files/other"] = kSum;
  own_files["files/src"] = {1, std::string(kSum)};
  EXPECT_THAT(lines(plan({R"({"Id":"s","Files":[{"Path":"files/a","Source":"self://files/src"}]})"})),
              ElementsAre("AddOrUpdate File files/a self://files/src"));
}

TEST_F(PlanTest, UnknownFilesAreAProblemOnlyWhenFilesAreWanted) {
  edge.observed.files_known = false;
  EXPECT_THAT(plan({R"({"Id":"s"})"}).problems, IsEmpty());
  EXPECT_THAT(plan({R"({"Id":"s","Files":[{"Path":"files/a","Source":"self://files/src"}]})"}).problems,
              ElementsAre("the files of edge are not known before it is connected"));
}

TEST_F(PlanTest, AFileThatIsNotListedIsPlannedOnce) {
  own_files["files/src"] = {1, std::string(kSum)};
  edge.observed.files_complete = false;
  edge.observed.files["files/listed"] = std::string(64, 'c');
  const std::string set = R"({"Id":"s","Files":[{"Path":"isos/z.iso","Source":"self://files/src"},
                                                {"Path":"files/listed","Source":"self://files/src"}]})";
  const Plan made = plan({set});
  ASSERT_EQ(made.actions.size(), 2u);
  for (const Action& action : made.actions) EXPECT_EQ(action.unlisted, action.name == "isos/z.iso");
  known_secrets = {"File/isos/z.iso", "File/files/listed"};  // after the look
  EXPECT_THAT(lines(plan({set})), ElementsAre("AddOrUpdate File files/listed self://files/src"));
  edge.observed.files_complete = true;
  EXPECT_EQ(plan({set}).actions.size(), 2u) << "now it is known that it is not there";
}

// ---- preferences and parameters

TEST_F(PlanTest, OnlyNamedPrefsAndParams) {  // breakage 20: nothing else is touched, so nothing fights
  edge.observed.prefs = {{"a", "1"}, {"b", "1"}};
  edge.observed.global = {{"x", 1}, {"y", 1}};
  const Plan made = plan({R"({"Id":"s","Prefs":{"a":"2"},"Global":{"x":{"deep":[1,2]}}})"});
  EXPECT_THAT(lines(made), ElementsAre("Set Pref a ", "Set Global x "));
  EXPECT_EQ(made.actions[0].current, "1");
  EXPECT_EQ(made.actions[1].value, json::parse(R"({"deep":[1,2]})"));
}

TEST_F(PlanTest, SealedParamsAreComparedByWhoSealedThem) {
  edge.observed.global = {{"db", shown("k")}};
  const std::string set = R"({"Id":"s","Global":{"db":"clear text","my/password":"clear text"}})";
  const Plan made = plan({set});
  ASSERT_THAT(lines(made), ElementsAre("Set Global db ", "Set Global my/password "));
  for (const Action& action : made.actions) {
    EXPECT_TRUE(action.secret);
    EXPECT_THAT(json::serialize(action.explained()), Not(HasSubstr("clear text")));
    EXPECT_THAT(action.key(), Not(HasSubstr("clear text")));
  }
  known_secrets = {"Global/db"};
  EXPECT_THAT(lines(plan({set})), ElementsAre("Set Global my/password "));
}

TEST_F(PlanTest, SecretsOfPluginsAreHidden) {
  edge.has(Kind::kPluginProvider, "prov", "v1.0.0");
  edge.has_plugin("p", "prov", {{"ipmi/password", shown("k")}});
  const std::string set =
      R"({"Id":"s","Plugins":[{"Name":"p","Provider":"prov","Params":{"ipmi/password":"clear text"}}]})";
  const Plan made = plan({set});
  ASSERT_EQ(made.actions.size(), 1u);
  EXPECT_THAT(json::serialize(made.actions[0].explained()), Not(HasSubstr("clear text")));
  known_secrets = {"Plugin/p/ipmi/password"};
  EXPECT_TRUE(plan({set}).empty());
}

TEST_F(PlanTest, LinesSayWhoAskedAndWhatIsMoved) {
  own_files["files/rebar-catalog/base/v2.0.0.json"] = {99, std::string(64, 'a')};
  edge.has(Kind::kContentPackage, "base", "v1.0.0");
  const Plan made = plan(
      {R"({"Id":"site","Components":[{"Name":"base","Type":"CP","Version":"v2.0.0","ReplaceWritable":true}]})",
       R"({"Id":"all","Components":[{"Name":"base","Type":"CP","Version":"v1.0.0"}]})"});
  ASSERT_EQ(made.actions.size(), 1u);
  const json::object line = made.actions[0].explained();
  EXPECT_EQ(line.at("Set"), "site");
  EXPECT_EQ(line.at("Shadows"), json::array({"all"}));
  EXPECT_EQ(line.at("Current"), "v1.0.0");
  EXPECT_EQ(line.at("Bytes"), 99u);
  EXPECT_EQ(line.at("ReplaceWritable"), true);
  EXPECT_EQ(line.at("Restarts"), false);
}

TEST_F(PlanTest, KeysTellActionsApart) {
  const Plan one = plan({R"({"Id":"s","Prefs":{"a":"1"}})"});
  const Plan same = plan({R"({"Id":"other","Prefs":{"a":"1"}})"});
  const Plan other = plan({R"({"Id":"s","Prefs":{"a":"2"}})"});
  EXPECT_EQ(one.actions[0].key(), same.actions[0].key());
  EXPECT_NE(one.actions[0].key(), other.actions[0].key());
}

}  // namespace
}  // namespace mullion::plan
