#include "packs/layers.h"

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "env/file.h"
#include "env/launch.h"
#include "model/index_value.h"
#include "model/object.h"
#include "packs/features.h"
#include "packs/layers_testing.h"
#include "prefs/preferences.h"

namespace mullion::packs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(LayersTest, BuiltinObjects) {
  EXPECT_TRUE(object("bootenvs", "ignore").at("OnlyUnknown").as_bool());
  EXPECT_EQ(object("bootenvs", "ignore").at("Templates").as_array().size(), 3U);
  EXPECT_EQ(object("bootenvs", "local").at("Templates").as_array().size(), 4U);
  EXPECT_EQ(object("stages", "none").at("BootEnv"), "");
  EXPECT_EQ(object("stages", "local").at("BootEnv"), "local");
  EXPECT_EQ(object("params", "pxelinux-local-boot").at("Schema").at("default"), "localboot 0");
  EXPECT_EQ(object("roles", "superuser").at("Claims").at(0).at("scope"), "*");
  for (const auto& [type, key] :
       {std::pair("bootenvs", "local"), {"stages", "local"}, {"roles", "superuser"}}) {
    const auto found = object(type, key);
    EXPECT_TRUE(found.at("ReadOnly").as_bool());
    EXPECT_TRUE(found.at("Available").as_bool()) << json::serialize(found);
    EXPECT_TRUE(found.at("Validated").as_bool());
    EXPECT_EQ(found.at("Bundle"), "BasicStore");
  }
}

TEST_F(LayersTest, FirstStartHappensOnce) {
  EXPECT_FALSE(object("profiles", "global").empty());
  EXPECT_FALSE(object("profiles", "global").at("ReadOnly").as_bool());
  EXPECT_EQ(object("profiles", "global").at("Bundle"), "BackingStore");
  EXPECT_EQ(object("users", "rocketskates").at("Bundle"), "BackingStore");
  EXPECT_EQ(object("users", "rocketskates").at("Roles").at(0), "superuser");
  store::Batch batch;
  batch.changes.push_back({{"users", "", "rocketskates"}, std::nullopt});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  const auto again = make_layers(*store_, kFeatures);
  const auto before = store_->newest();
  ASSERT_TRUE(again->start());
  EXPECT_TRUE(object("users", "rocketskates").empty()) << "a deleted administrator stays deleted";
  EXPECT_EQ(store_->newest(), before) << "nothing changed, nothing is written";
}

TEST_F(LayersTest, OrderAndMetaOfSummaries) {
  ASSERT_TRUE(post(pack("zeta", profiles("zz"))));
  ASSERT_TRUE(post(pack("alpha", profiles("aa"),
                        R"("Version":"v1.2.3","Order":7,"Description":"  trimmed ","Writable":true)")));
  EXPECT_THAT(names(),
              ElementsAre("BackingStore", "LocalStore", "alpha", "zeta", "DefaultStore", "BasicStore"));
  const auto all = summaries();
  const auto& backing = all[0].as_object();
  EXPECT_EQ(backing.at("meta").at("Type"), "writable");
  EXPECT_TRUE(backing.at("meta").at("Writable").as_bool());
  EXPECT_EQ(backing.at("Counts").at("profiles"), 1);
  EXPECT_EQ(backing.at("Counts").at("machines"), 0);
  EXPECT_FALSE(backing.at("Counts").as_object().contains("plugin_providers"));
  const auto& alpha = all[2].as_object();
  EXPECT_EQ(alpha.at("meta").at("Type"), "dynamic");
  EXPECT_EQ(alpha.at("meta").at("Description"), "trimmed");
  EXPECT_EQ(alpha.at("meta").at("Order"), "7");
  EXPECT_FALSE(alpha.at("meta").at("Writable").as_bool());
  EXPECT_EQ(json::serialize(alpha.at("Counts")), R"({"profiles":1})");
  EXPECT_EQ(json::serialize(alpha.at("Warnings")), "[]");
  EXPECT_TRUE(all[5].at("meta").at("Overwritable").as_bool());
}

TEST_F(LayersTest, LoadReplaceRemove) {
  std::vector<std::string> heard;
  layers_->on_change([&heard](std::string_view action, std::string_view name, std::string_view principal) {
    heard.push_back(fmt::format("{} {} by {}", action, name, principal));
  });
  ASSERT_TRUE(post(pack("one", profiles("p", "first"), R"("Version":"v1.0.0")")));
  EXPECT_EQ(description("p"), "first");
  EXPECT_EQ(object("profiles", "p").at("Bundle"), "one");
  EXPECT_EQ(layers_->read_only_layer("profiles", "p"), "one");
  EXPECT_EQ(layers_->read_only_layer("profiles", "global"), std::nullopt);
  EXPECT_EQ(layers_->read_only_layer("stages", "none"), std::nullopt) << "BasicStore may be overridden";
  EXPECT_EQ(message(post(pack("one", "{}"))), "Content one already exists");
  EXPECT_EQ(post(pack("one", "{}")).error().status(), 409);

  ASSERT_TRUE(put("one", pack("one", profiles("p", "second"), R"("Version":"v2.0.0")")));
  EXPECT_EQ(description("p"), "second");
  EXPECT_EQ(layers_->components().front().version, "v2.0.0");
  EXPECT_EQ(layers_->components().front().type, "ContentPackage");
  EXPECT_EQ(layers_->components().front().meta->at("Version"), "v2.0.0");
  EXPECT_EQ(layers_->components().front().secret_holder, "");
  EXPECT_EQ(message(put("two", pack("two", "{}"))), "No such content store");
  EXPECT_EQ(put("one", pack("other", "{}")).error().status(), 422);

  ASSERT_TRUE(layers_->remove("one", "user:test"));
  EXPECT_EQ(description("p"), "absent");
  EXPECT_EQ(message(layers_->remove("one", "user:test")), "No such content store");
  EXPECT_EQ(layers_->remove("one", "user:test").error().status(), 404);
  EXPECT_THAT(heard,
              ElementsAre("create one by user:test", "update one by user:test", "delete one by user:test"));
}

TEST_F(LayersTest, SurvivesRestart) {
  ASSERT_TRUE(post(pack("one", profiles("p", "kept"), R"("Version":"v1.0.0")")));
  const auto before = store_->newest();
  layers_ = make_layers(*store_, kFeatures);
  ASSERT_TRUE(layers_->start());
  EXPECT_EQ(store_->newest(), before);
  EXPECT_EQ(description("p"), "kept");
  EXPECT_EQ(layers_->components().size(), 1U);
  EXPECT_EQ(layers_->read_only_layer("profiles", "p"), "one");
}

TEST_F(LayersTest, Show) {
  ASSERT_TRUE(post(pack("one", profiles("p", "shown"))));
  const auto shown = *parse_json(*layers_->show("one"));
  EXPECT_EQ(shown.at("meta").at("Name"), "one");
  EXPECT_EQ(shown.at("sections").at("profiles").at("p").at("Description"), "shown");
  ASSERT_TRUE(put("one", *layers_->show("one"))) << "what is shown can be loaded again";
  const auto backing = *parse_json(*layers_->show("BackingStore"));
  EXPECT_TRUE(backing.at("sections").at("profiles").as_object().contains("global"));
  const auto& preferences = backing.at("sections").at("preferences").as_object();
  EXPECT_EQ(preferences.size(), summaries()[0].at("Counts").at("preferences").to_number<size_t>());
  EXPECT_EQ(json::serialize(preferences.at("defaultStage")),
            R"({"Name":"defaultStage","Val":"none","Meta":{}})");
  EXPECT_EQ(std::string_view(preferences.at("baseTokenSecret").at("Val").as_string()),
            prefs::kMaskedPreference)
      << "no secret is shown";
  EXPECT_TRUE(layers_->show("BasicStore"));
  EXPECT_EQ(message(layers_->show("nothing")), "No such content store");
  EXPECT_EQ(layers_->summary("nothing").error().status(), 404);
  EXPECT_TRUE(layers_->summary("BackingStore"));
}

TEST_F(LayersTest, ConflictsAreRefusedInBothDirections) {
  const auto refused = post(pack("BarkingStore", profiles("global")));
  EXPECT_EQ(message(refused),
            "profiles:global in layer dynamic-BarkingStore would override layer writable-BackingStore");
  EXPECT_EQ(refused.error().status(), 422);
  EXPECT_EQ(refused.error().model, "contents");
  EXPECT_EQ(refused.error().key, "BarkingStore");
  EXPECT_EQ(names().size(), 4U) << "a refused pack leaves the old stack";

  ASSERT_TRUE(post(pack("bbb", profiles("p"))));
  EXPECT_EQ(message(post(pack("aaa", profiles("p")))),
            "profiles:p in layer dynamic-aaa would override layer dynamic-bbb");
  EXPECT_EQ(message(post(pack("ccc", profiles("p")))),
            "profiles:p in layer dynamic-ccc would override layer dynamic-bbb");
}

TEST_F(LayersTest, OverwritableLayersMayBeOverridden) {
  ASSERT_TRUE(post(pack("soft", profiles("p", "soft"), R"("Type":"default")")));
  ASSERT_TRUE(post(pack("hard", profiles("p", "hard"))));
  EXPECT_EQ(description("p"), "hard");
  ASSERT_TRUE(layers_->remove("hard", ""));
  EXPECT_EQ(description("p"), "soft") << "the lower object comes back";
  own("profiles", "p", R"({"Name":"p","Description":"own"})");
  EXPECT_EQ(description("p"), "own");
  EXPECT_EQ(layers_->read_only_layer("profiles", "p"), std::nullopt);
  ASSERT_TRUE(post(pack("basic", R"({"stages":{"none":{"Name":"none","Description":"mine"}}})")));
  EXPECT_EQ(object("stages", "none").at("Description"), "mine") << "packs override BasicStore";
}

TEST_F(LayersTest, ReplaceWritable) {
  own("profiles", "p", R"({"Name":"p","Description":"own"})");
  EXPECT_FALSE(post(pack("one", profiles("p", "pack"))));
  ASSERT_TRUE(post(pack("one", profiles("p", "pack")), true));
  EXPECT_EQ(description("p"), "pack");
  EXPECT_FALSE(store_->snapshot()->get({"profiles", "", "p"}));
}

TEST_F(LayersTest, BadDocuments) {
  EXPECT_EQ(message(post(R"({"meta":{},"sections":{}})")), "Store at content- has no Name metadata");
  EXPECT_EQ(post(R"({"meta":{}})").error().status(), 422);
  EXPECT_EQ(post("{").error().status(), 400);
  EXPECT_EQ(post("[]").error().status(), 400);
  EXPECT_EQ(post(R"({"meta":[]})").error().status(), 400);
  EXPECT_EQ(post(pack("one", "[]")).error().status(), 400);
  EXPECT_EQ(post(pack("one", R"({"profiles":[]})")).error().status(), 400);
  EXPECT_EQ(post(pack("a/b", "{}")).error().status(), 422);
  const auto undecodable = post(pack("Pack1", R"({"profiles":{"p2-prof":{"Name":5}}})"));
  ASSERT_FALSE(undecodable);
  EXPECT_EQ(undecodable.error().type, "Failed to load backing objects from cache");
  EXPECT_THAT(undecodable.error().messages,
              ElementsAre(HasSubstr("Store profiles item p2-prof failed to load from layer content-Pack1: "),
                          "Try manually replacing content layer Pack1"));
  EXPECT_EQ(undecodable.error().model + undecodable.error().key, "") << "the Type says it all";
  EXPECT_THAT(message(post(pack("one", R"({"profiles":{"a":{"Name":"b"}}})"))), HasSubstr("its key is b"));
  ASSERT_TRUE(post(pack("kept", profiles("k", "old"))));
  const auto refused = put("kept", pack("kept", R"({"profiles":{"k":{"Name":5}}})"));
  EXPECT_EQ(refused.error().type, "PUT");
  EXPECT_EQ(refused.error().key, "kept");
  EXPECT_EQ(description("k"), "old") << "the old content stays";
  ASSERT_TRUE(layers_->remove("kept", ""));
  EXPECT_EQ(post(pack("BasicStore", "{}")).error().status(), 409);
  EXPECT_EQ(post(pack("BackingStore", "{}")).error().status(), 409);
  EXPECT_EQ(message(layers_->remove("BasicStore", "")), "readonly: BasicStore");
  EXPECT_EQ(message(put("BackingStore", pack("BackingStore", "{}"))), "readonly: BackingStore");
  EXPECT_EQ(names().size(), 4U);
}

TEST_F(LayersTest, UnknownSectionsAndPreferences) {
  const auto loaded = post(
      pack("one",
           R"({"gadgets":{"g":{"Name":"g","Deep":{"x":[1]}}},"preferences":{"a":{"Name":"a","Val":"b"}}})"));
  ASSERT_TRUE(loaded) << message(loaded);
  EXPECT_THAT(*loaded, HasSubstr("preferences are not taken"));
  EXPECT_EQ(json::serialize(object("gadgets", "g").at("Deep")), R"({"x":[1]})");
  EXPECT_EQ(object("gadgets", "g").at("Bundle"), "one");
  EXPECT_TRUE(object("preferences", "a").empty());
  ASSERT_TRUE(layers_->remove("one", ""));
  EXPECT_TRUE(object("gadgets", "g").empty());
}

TEST_F(LayersTest, ProblemsAreWarnings) {
  const auto loaded = post(pack("one", R"({"stages":{"ss":{"Name":"ss","BootEnv":"absent"}}})"));
  ASSERT_TRUE(loaded) << message(loaded);
  EXPECT_THAT(*loaded, HasSubstr("stages:ss: "));
  EXPECT_FALSE(object("stages", "ss").at("Available").as_bool());
  ASSERT_TRUE(post(pack("two", R"({"bootenvs":{"absent":{"Name":"absent"}}})")));
  EXPECT_TRUE(object("stages", "ss").at("Available").as_bool()) << "judged again when the stack changes";
}

TEST_F(LayersTest, ScalarsInTextMapsBecomeTexts) {
  const auto loaded = post(pack("one", R"({"params":{"pp":{"Name":"pp",
      "Meta":{"clipboard":true,"order":7,"share":1.5,"none":null,"icon":"file"}}},
      "tasks":{"tt":{"Name":"tt","Templates":[{"Name":"x","Contents":"y","Meta":{"OS":"linux","n":1}}]}}})"));
  ASSERT_TRUE(loaded) << message(loaded);
  EXPECT_EQ(json::serialize(object("params", "pp").at("Meta")),
            R"({"clipboard":"true","icon":"file","none":"","order":"7","share":"1.5"})");
  EXPECT_EQ(object("tasks", "tt").at("Templates").at(0).at("Meta").at("n"), "1");
  const auto refused = post(pack("two", R"({"params":{"qq":{"Name":"qq","Meta":{"list":[1]}}}})"));
  EXPECT_THAT(message(refused), HasSubstr("Field Meta.list: expected string, got array"));
}

TEST_F(LayersTest, SecretsOfUsersStayApart) {
  ASSERT_TRUE(post(pack("one", R"({"users":{"u":{"Name":"u","PasswordHash":"QUJD","Roles":[]}}})")));
  EXPECT_FALSE(object("users", "u").contains("PasswordHash"));
  EXPECT_THAT(store_->snapshot()->secret("users", "u").value_or(""), HasSubstr("QUJD"));
  EXPECT_THAT(*layers_->show("one"), ::testing::Not(HasSubstr("QUJD")));
  EXPECT_EQ(layers_->components().front().secret_holder, "users/u");
  ASSERT_TRUE(layers_->remove("one", ""));
  EXPECT_FALSE(store_->snapshot()->secret("users", "u"));
}

TEST_F(LayersTest, YamlPacks) {
  const auto loaded = post(
      "meta:\n  Name: one\n  Order: 100\nsections:\n  profiles:\n    p:\n      Name: p\n      Description: "
      "from yaml\n");
  ASSERT_TRUE(loaded) << message(loaded);
  EXPECT_EQ(description("p"), "from yaml");
}

/// Packs of other people, where the machine has them.
std::filesystem::path real_packs() {
  if (const char* given = std::getenv("MULLION_PACKS"); given != nullptr) return given;
  return std::filesystem::path(MULLION_SOURCE_DIR).parent_path() / "shared/data/content-packs";
}

class PackFiles : public LayersTest {
 protected:
  void load_file(const std::filesystem::path& path) {
    const auto text = env::read_file(path);
    ASSERT_TRUE(text) << path;
    const auto loaded = post(*text);
    ASSERT_TRUE(loaded) << path << ": " << loaded.error().text();
    const auto document = *parse_json(*text);
    const auto summary = *parse_json(*loaded);
    for (const auto& [section, items] : document.at("sections").as_object()) {
      EXPECT_EQ(summary.at("Counts").at(section).to_number<uint64_t>(), items.as_object().size()) << section;
      for (const auto& [key, item] : items.as_object()) {
        EXPECT_TRUE(store_->snapshot()->get_local(section, key)) << section << ":" << key;
      }
    }
    for (const auto& warning : summary.at("Warnings").as_array()) {
      RecordProperty(path.filename().string(), std::string(warning.as_string()));
      warnings_.emplace_back(warning.as_string());
    }
  }
  std::vector<std::string> warnings_;
};

TEST_F(PackFiles, DemoPack) {
  load_file(std::filesystem::path(MULLION_SOURCE_DIR) / "tests/data/packs/demo-pack.json");
  EXPECT_THAT(warnings_, ElementsAre());
}

TEST_F(PackFiles, RealPacks) {
  if (!std::filesystem::is_directory(real_packs())) GTEST_SKIP() << "no packs at " << real_packs();
  for (const char* name : {"drp-community-content", "task-library", "classify", "flexiflow"}) {
    load_file(real_packs() / (std::string(name) + ".json"));
  }
  EXPECT_EQ(layers_->components().size(), 4U);
  EXPECT_THAT(warnings_, ElementsAre());
  const auto before = store_->newest();
  layers_ = make_layers(*store_, kFeatures);
  ASSERT_TRUE(layers_->start());
  EXPECT_EQ(store_->newest(), before) << "the same packs give the same bytes";
  for (const char* name : {"flexiflow", "classify", "task-library", "drp-community-content"}) {
    EXPECT_TRUE(layers_->remove(name, "")) << name;
  }
  EXPECT_EQ(names().size(), 4U);
}

TEST_F(LayersTest, WhatPreferencesNameStays) {
  ASSERT_TRUE(post(pack("one", R"({"stages":{"s":{"Name":"s"}}})")));
  env::Runtime runtime{1};
  const auto preferences = prefs::make_preferences(*store_, runtime);
  const auto set = [&](std::string stage) {
    return env::run(runtime, preferences->set({{"defaultStage", std::move(stage)}}, "user:test"));
  };
  ASSERT_TRUE(set("s"));
  EXPECT_EQ(message(layers_->remove("one", "")), "Stage s is the active defaultStage, cannot remove it");
  ASSERT_TRUE(set("none"));
  EXPECT_TRUE(layers_->remove("one", ""));
}

}  // namespace
}  // namespace mullion::packs
