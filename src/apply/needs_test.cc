#include "apply/needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::apply {
namespace {

using catalog::Need;
using ::testing::UnorderedElementsAre;

void store_object(store::Store& store, std::string type, std::string key, std::string body) {
  store::Batch batch;
  batch.changes.push_back({{std::move(type), std::string(store::kOwn), std::move(key)}, std::move(body)});
  ASSERT_TRUE(store.commit_sync(std::move(batch)));
}

std::vector<Need> needs_of(const std::string& type, const std::string& body) {
  const auto store = store::open_memory_store();
  store_object(*store, type, "x", body);
  return catalog_needs(*store->snapshot());
}

TEST(CatalogNeeds, AreWhatPlansResolve) {
  const std::string user = "version_sets/x";
  EXPECT_THAT(
      needs_of("version_sets", R"({"Id":"x","DRPVersion":"stable","DRPUXVersion":"ignore","Components":[
                {"Name":"a","Type":"CP","Version":"v1","ActualVersion":"v1.0"},
                {"Name":"b","Version":"tip"},{"Name":"c","Version":"ignore"},7]})"),
      UnorderedElementsAre(Need{"drp", "DRP", "stable", "", user},
                           Need{"a", "ContentPackage", "v1", "", user},
                           Need{"a", "ContentPackage", "v1.0", "", user}, Need{"b", "", "tip", "", user}));
  EXPECT_THAT(needs_of("endpoints", R"({"Id":"x","Actions":[{"Name":"","Version":"v4","Type":"DRPUX"}]})"),
              UnorderedElementsAre(Need{"drp-ux", "DRPUX", "v4", "", "endpoints/x"}));
}

// Files of sets come from files of this server, whatever the source calls it.
TEST(CatalogNeeds, AreFilesOfThisServerToo) {
  const std::string user = "version_sets/x";
  EXPECT_THAT(needs_of("version_sets", R"({"Files":[
                {"Path":"files/1","Source":"self://files/rebar-catalog/a/v1.json"},
                {"Path":"files/2","Source":"{{.ProvisionerURL}}/files/rebar-catalog/a/v2.json"},
                {"Path":"files/3","Source":"{{ .ApiURL }}/files/rebar-catalog/a/v3.json"},
                {"Path":"files/4","Source":"http://h:1/files/rebar-catalog/a/v4.json"},
                {"Path":"files/5"}]})"),
              UnorderedElementsAre(Need{"", "", "", "files/rebar-catalog/a/v1.json", user},
                                   Need{"", "", "", "files/rebar-catalog/a/v2.json", user},
                                   Need{"", "", "", "files/rebar-catalog/a/v3.json", user},
                                   Need{"", "", "", "http://h:1/files/rebar-catalog/a/v4.json", user}));
}

}  // namespace
}  // namespace mullion::apply
