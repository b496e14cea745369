// What packs ask of a server and of each other, and what changes of them may take away.
#include "model/index_value.h"
#include "packs/features.h"
#include "packs/layers.h"
#include "packs/layers_testing.h"

namespace mullion::packs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using PackRequirements = LayersTest;

TEST_F(PackRequirements, RequirementsOfMeta) {
  const auto feature = post(pack("X", "{}", R"("RequiredFeatures":"roles, time-travel")"));
  EXPECT_EQ(message(feature),
            "Content layer X requires feature time-travel, but dr-provision does not provide it");
  EXPECT_EQ(feature.error().type, "STORE_ERROR");
  EXPECT_EQ(feature.error().key, "");
  ASSERT_TRUE(post(pack("basic", "{}")));
  const auto with = [&](const char* meta) { return put("basic", pack("basic", "{}", meta)); };
  EXPECT_EQ(with(R"("RequiredFeatures":"time-travel")").error().type, "PUT");
  EXPECT_THAT(
      with(R"("Prerequisites":"foo: >=1")").error().messages,
      ElementsAre("Layer basic has foo as a prerequisite, but foo does not exist!", "basic wants foo >=1"));
  EXPECT_EQ(message(with(R"("Version":"1.2.foo")")),
            "Layer basic: invalid version 1.2.foo: Invalid character(s) found in patch number \"foo\"");
  EXPECT_THAT(message(with(R"("Prerequisites":"BasicStore: ~9")")),
              HasSubstr("Layer basic: error parsing prerequisites "));
  EXPECT_TRUE(with(R"("Prerequisites":"BasicStore: >=4.x","RequiredFeatures":"roles tenants")"));
}

TEST_F(PackRequirements, PrerequisitesWithoutAVersionAreWarnings) {
  const auto warnings = [&](const Result<std::string>& loaded) {
    EXPECT_TRUE(loaded) << message(loaded);
    return json::serialize(json::parse(loaded ? *loaded : "{}").as_object()["Warnings"]);
  };
  const std::string lacking = R"(["Layer top has base as a prerequisite, but base does not exist!"])";
  EXPECT_EQ(warnings(post(pack("top", "{}", R"("Prerequisites":"base")"))), lacking);
  EXPECT_EQ(json::serialize(json::parse(*layers_->summary("top")).at("Warnings")), lacking)
      << "as long as it is so";
  layers_ = make_layers(*store_, kFeatures);
  ASSERT_TRUE(layers_->start());
  EXPECT_EQ(json::serialize(json::parse(*layers_->summary("top")).at("Warnings")), lacking)
      << "after a restart, too";
  EXPECT_EQ(warnings(post(pack("base", "{}"))), "[]") << "what others lack is their affair";
  EXPECT_EQ(json::serialize(json::parse(*layers_->summary("top")).at("Warnings")), "[]");
  EXPECT_EQ(message(layers_->remove("base", "")), "In use by content top") << "what is needed stays";
  EXPECT_EQ(warnings(put("base", pack("base", "{}", R"("Prerequisites":"BasicStore: <1.0.0")"))),
            R"(["Layer base prerequisite test on BasicStore failed"])")
      << "nobody can bring another one";
}

TEST_F(PackRequirements, FeaturesThatOnlySayWhatAPackWasWrittenFor) {
  for (const char* feature :
       {"elevated-tasks", "log-has-head-method", "env-linefrom", "centos-8", "sprig", "multiarch",
        "virtual-media-boot", "overridable-bootloaders", "task-of-next-year"}) {
    EXPECT_TRUE(is_feature_accepted(feature, {})) << feature;
  }
  for (const std::string& feature : kFeatures)
    EXPECT_TRUE(is_feature_accepted(feature, kFeatures)) << feature;
  for (const char* feature :
       {"no-such-thing", "time-travel", "warp-drive", "roles", "multitask", "", "-", "--"}) {
    EXPECT_FALSE(is_feature_accepted(feature, {})) << feature;
  }
}

TEST_F(PackRequirements, TasksThatCanNeverRunRefuseTheirPack) {
  const auto task = [](const char* name, const char* first) {
    return fmt::format(R"("{0}":{{"Name":"{0}","Prerequisites":[{1}]}})", name, first);
  };
  const auto tasks = [](const std::string& all) { return R"({"tasks":{)" + all + "}}"; };
  const auto circle = post(pack("one", tasks(task("t1", "\"t2\"") + "," + task("t2", "\"t1\""))));
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().type, "Failed to load backing objects from cache");
  EXPECT_THAT(circle.error().messages, ElementsAre("Task t1 depends on itself!", "t1: t2: t1 (cycle at 0)",
                                                   "Task t2 depends on itself!", "t2: t1: t2 (cycle at 0)"));
  EXPECT_EQ(circle.error().model + circle.error().key, "");
  EXPECT_EQ(message(post(pack("one", tasks(task("t1", "\"f1\""))))), "Task t1 missing prerequisite f1");
  EXPECT_EQ(message(post(pack("one", tasks(task("t1", "\"t1\""))))), "Task t1 depends on itself!");
  ASSERT_TRUE(post(pack("base", tasks(task("f1", "")))));
  ASSERT_TRUE(post(pack("one", tasks(task("t1", "\"f1\"")))));
  EXPECT_EQ(message(put("base", pack("base", "{}"))), "Task t1 missing prerequisite f1");
  EXPECT_TRUE(layers_->remove("base", "")) << "packs may be removed in any order";
  EXPECT_TRUE(post(pack("two", tasks(task("t2", ""))))) << "what was so before is nobody's fault";
}

TEST_F(PackRequirements, PrerequisitesOfOthers) {
  ASSERT_TRUE(post(pack("base", "{}", R"("Version":"v2.0.0")")));
  ASSERT_TRUE(post(pack("top", "{}", R"("Prerequisites":"base: >=2.0.0")")));
  const auto refused = layers_->remove("base", "");
  EXPECT_EQ(refused.error().type, "StillInUseError");
  EXPECT_EQ(message(refused), "In use by content top");
  EXPECT_THAT(put("base", pack("base", "{}", R"("Version":"v1.0.0")")).error().messages,
              ElementsAre("Layer top prerequisite test on base failed",
                          "top wants base >=2.0.0, and 1.0.0 is there"));
  EXPECT_THAT(message(put("base", pack("base", "{}", R"("Version":"v2.0.0","Prerequisites":"top")"))),
              HasSubstr("loop"));
  ASSERT_TRUE(layers_->remove("top", ""));
  EXPECT_TRUE(layers_->remove("base", ""));
}

TEST_F(PackRequirements, ObjectsInUseDoNotVanish) {
  ASSERT_TRUE(post(pack("one", R"({"stages":{"s":{"Name":"s"}}})")));
  const model::ObjectType* type = model::find_object_type("machines");
  const auto machine = model::normalise(
      *type, json::object{{"Name", "m"}, {"Uuid", "3e7031fc-3062-45f1-835c-92541bc9cbd3"}, {"Stage", "s"}},
      nullptr);
  ASSERT_TRUE(machine) << machine.error().text();
  own("machines", "3e7031fc-3062-45f1-835c-92541bc9cbd3", model::canonical_body(*type, *machine));
  EXPECT_EQ(message(layers_->remove("one", "")),
            "stages:s: In use by machines 3e7031fc-3062-45f1-835c-92541bc9cbd3");
  EXPECT_EQ(layers_->remove("one", "").error().status(), 409);
  const auto loaded = put("one", pack("one", "{}"));
  ASSERT_TRUE(loaded) << message(loaded);
  EXPECT_THAT(*loaded, HasSubstr("machines:3e7031fc-3062-45f1-835c-92541bc9cbd3: Stage s does not exist"))
      << "a new version that drops it says who is left without";
}

TEST_F(PackRequirements, WhatPreferencesNameDoesNotVanish) {
  ASSERT_TRUE(post(pack("one", R"({"stages":{"s":{"Name":"s"}}})")));
  own("preferences", "defaultStage", R"({"Name":"defaultStage","Val":"s"})");
  EXPECT_EQ(message(put("one", pack("one", "{}"))), "Stage s is the active defaultStage, cannot remove it");
}

}  // namespace
}  // namespace mullion::packs
