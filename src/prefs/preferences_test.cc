#include "prefs/preferences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/launch.h"

namespace mullion::prefs {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

class PreferencesTest : public ::testing::Test {
 protected:
  PreferencesTest() {
    // What preferences name by themselves; in a server it comes with the built-in layers.
    store::Batch batch;
    batch.changes.push_back({{"bootenvs", "", "local"}, R"({"Name":"local","OnlyUnknown":false})"});
    batch.changes.push_back({{"bootenvs", "", "ignore"}, R"({"Name":"ignore","OnlyUnknown":true})"});
    batch.changes.push_back({{"stages", "", "none"}, R"({"Name":"none"})"});
    batch.changes.push_back({{"stages", "", "local"}, R"({"Name":"local"})"});
    EXPECT_TRUE(store_->commit_sync(std::move(batch)));
    preferences_ = make_preferences(*store_, runtime_);
  }
  Result<void> set(Values values) {
    return env::run(runtime_, preferences_->set(std::move(values), "user:test"));
  }
  std::string refusal(Values values) {
    const auto result = set(std::move(values));
    return result ? "accepted" : result.error().messages.front();
  }

  env::Runtime runtime_{1};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<Preferences> preferences_;
};

TEST_F(PreferencesTest, Defaults) {
  EXPECT_EQ(preferences_->get("defaultBootEnv"), "local");
  EXPECT_EQ(preferences_->get("unknownBootEnv"), "ignore");
  EXPECT_EQ(preferences_->get("defaultStage"), "none");
  EXPECT_EQ(preferences_->get("defaultWorkflow"), "");
  EXPECT_EQ(preferences_->get("manager"), "false");
  EXPECT_EQ(preferences_->get("knownTokenTimeout"), "3600");
  EXPECT_EQ(preferences_->get("nothing"), "");
  EXPECT_EQ(preferences_->all().size(), 18U);
}

TEST_F(PreferencesTest, SetsAndKeeps) {
  ASSERT_TRUE(set({{"manager", "true"}, {"logLevel", "2"}, {"debugDhcp", "0"}, {"defaultStage", "local"}}));
  EXPECT_EQ(preferences_->get("manager"), "true");
  EXPECT_EQ(preferences_->get("logLevel"), "debug");
  EXPECT_EQ(preferences_->get("debugDhcp"), "warn");
  preferences_ = make_preferences(*store_, runtime_);
  EXPECT_EQ(preferences_->get("manager"), "true");
  EXPECT_EQ(preferences_->get("defaultStage"), "local");
  EXPECT_TRUE(set({}));
}

TEST_F(PreferencesTest, Refusals) {
  const std::pair<Values, std::string> cases[] = {
      {{{"greg", "1"}}, "Unknown Preference greg"},
      {{{"baseTokenSecret", "short"}}, "baseTokenSecret: Must be 32 bytes long"},
      {{{"defaultBootEnv", "illegal"}}, "defaultBootEnv: Bootenv illegal does not exist"},
      {{{"defaultWorkflow", "foo"}}, "defaultWorkflow: Workflow foo does not exist"},
      {{{"defaultStage", "foo"}}, "defaultStage: Stage foo does not exist"},
      {{{"defaultStage", ""}}, "defaultStage: Stage  does not exist"},
      {{{"unknownBootEnv", "local"}}, "unknownBootEnv: Bootenv local does not have the OnlyUnknown flag"},
      {{{"knownTokenTimeout", "illegal"}},
       "knownTokenTimeout: strconv.Atoi: parsing \"illegal\": invalid syntax"},
      {{{"unknownTokenTimeout", "-1"}}, "unknownTokenTimeout: must be between 1 and 2147483647"},
      {{{"logLevel", "loud"}}, "logLevel: Invalid log level 'loud'"},
      {{{"manager", "yes"}}, "manager: must be true or false"},
      {{{"failedJobsPurgedAfter", "soon"}}, "failedJobsPurgedAfter: time: invalid duration \"soon\""},
      {{{"jobsToKeep", "-2"}}, "jobsToKeep: must be between 0 and 2147483647"}};
  for (const auto& [values, expected] : cases) EXPECT_EQ(refusal(values), expected);
}

TEST_F(PreferencesTest, AllOrNothing) {
  const auto refused = set({{"manager", "true"}, {"greg", "1"}, {"logLevel", "loud"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status(), 422);
  EXPECT_EQ(refused.error().model, "prefs");
  EXPECT_EQ(refused.error().messages.size(), 2U);
  EXPECT_EQ(preferences_->get("manager"), "false");
}

TEST_F(PreferencesTest, SecretsAreMasked) {
  const std::string first = *store_->snapshot()->secret("state", "baseTokenSecret");
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(preferences_->get("baseTokenSecret"), kMaskedPreference);
  ASSERT_TRUE(set({{"baseTokenSecret", std::string(kMaskedPreference)}, {"manager", "true"}}));
  EXPECT_EQ(*store_->snapshot()->secret("state", "baseTokenSecret"), first);
  ASSERT_TRUE(set({{"baseTokenSecret", std::string(32, 'k')}}));
  EXPECT_EQ(*store_->snapshot()->secret("state", "baseTokenSecret"), std::string(32, 'k'));
  EXPECT_EQ(preferences_->get("baseTokenSecret"), kMaskedPreference);
  for (const auto& [name, value] : preferences_->all()) EXPECT_NE(value, std::string(32, 'k')) << name;
}

TEST_F(PreferencesTest, GateAndListeners) {
  std::vector<std::string> heard;
  preferences_->on_change([&heard](std::string_view name, std::string_view value) {
    heard.push_back(std::string(name) + "=" + std::string(value));
  });
  preferences_->set_gate([](std::string_view name, std::string_view value) -> Result<void> {
    if (name == "manager" && value == "true") return Error(ErrorCode::kForbidden, "no licence");
    return {};
  });
  EXPECT_EQ(refusal({{"manager", "true"}}), "no licence");
  EXPECT_TRUE(set({{"manager", "false"}, {"jobsToKeep", "5"}}));
  preferences_->set_gate({});
  EXPECT_TRUE(set({{"manager", "true"}}));
  EXPECT_THAT(heard, ::testing::ElementsAre("jobsToKeep=5", "manager=false", "manager=true"));
}

}  // namespace
}  // namespace mullion::prefs
