// The pure decisions: lists of tasks, copies of a catalog, the bar of a transfer, this computer's
// fingerprint.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/cli_testing.h"
#include "cli/commands/catalog_plan.h"
#include "cli/commands/fingerprint.h"
#include "cli/commands/task_list.h"
#include "cli/connection/transfer.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const TaskList kTasks{{"done", "runs", "next", "later", "stage:other", "far"}, 1};

TEST(TaskList, ChangesOnlyWhatIsAheadInTheStage) {
  EXPECT_THAT(*add_tasks(kTasks, {"a", "b"}, std::nullopt),
              ElementsAre("done", "runs", "next", "later", "a", "b", "stage:other", "far"));
  EXPECT_THAT(*add_tasks(kTasks, {"a"}, 0),
              ElementsAre("done", "runs", "a", "next", "later", "stage:other", "far"));
  EXPECT_THAT(*add_tasks(kTasks, {"a"}, 2),
              ElementsAre("done", "runs", "next", "later", "a", "stage:other", "far"));
  EXPECT_EQ(add_tasks(kTasks, {"a"}, 3).error().messages[0],
            "only 2 tasks are left in this stage: 3 is beyond them");
  EXPECT_THAT(*add_tasks({{}, -1}, {"a"}, std::nullopt), ElementsAre("a"));
  EXPECT_THAT(*add_tasks({{"x"}, 1}, {"a"}, std::nullopt), ElementsAre("x", "a"));
}

TEST(TaskList, RemovesOnlyWhatHasNotBegun) {
  EXPECT_THAT(remove_tasks(kTasks, {"done", "runs", "far"}),
              ElementsAre("done", "runs", "next", "later", "stage:other", "far"));
  EXPECT_THAT(remove_tasks(kTasks, {"later", "next"}), ElementsAre("done", "runs", "stage:other", "far"));
  EXPECT_THAT(remove_tasks({{"a", "a", "a"}, 0}, {"a"}), ElementsAre("a", "a"));
}

const std::string kPlannedSum(64, '1');
const std::string kOtherPlannedSum(64, '2');

catalog::Item item(const std::string& name, const std::string& word, const std::string& version,
                   std::string type = "ContentPackage") {
  catalog::Item out;
  out.id = name + "-" + word;
  out.name = name;
  out.version = word;
  out.actual_version = version;
  out.source = "https://x/rebar-catalog/" + name + "/" + version;
  out.sha256 = {{type == "PluginProvider" ? "amd64/linux" : "any/any", kPlannedSum}};
  out.content_type = std::move(type);
  out.tip = word == "tip";
  return out;
}

std::vector<std::string> chosen(const catalog::Items& source, const CatalogFilter& filter) {
  std::vector<std::string> ids;
  const auto items = choose_items(source, filter);
  if (!items) return {items.error().messages.front()};
  for (const catalog::Item* item : *items) ids.push_back(item->id);
  return ids;
}

// Breakages 3, 5 and 6: several versions, tip only, stable without development builds, not the whole history.
TEST(CatalogUpdate, ChoosesByWordsVersionsAndSets) {
  const catalog::Items source({item("a", "stable", "v2"), item("a", "tip", "v3-tip"), item("a", "v1", "v1"),
                               item("a", "v2", "v2"), item("a", "v3-tip", "v3-tip"), item("b", "v1", "v1"),
                               item("b", "v1-rc", "v1-rc")});
  EXPECT_THAT(chosen(source, {.words = {"stable"}}), ElementsAre("a-stable", "b-v1"));
  EXPECT_THAT(chosen(source, {.words = {"tip"}}), ElementsAre("a-tip"));
  EXPECT_THAT(chosen(source, {.words = {"stable", "tip"}}), ElementsAre("a-stable", "a-tip", "b-v1"));
  EXPECT_THAT(chosen(source, {.words = {"v1", "v2"}}), ElementsAre("a-v1", "a-v2", "b-v1"));
  EXPECT_THAT(chosen(source, {.single = {{"b", "v1-rc"}, {"a", "stable"}}}),
              ElementsAre("a-stable", "b-v1-rc"));
  EXPECT_EQ(chosen(source, {.all = true}).size(), 7U);
  EXPECT_THAT(chosen(source, {.words = {"v9"}}), ElementsAre("the catalog has no item of version v9"));
  EXPECT_THAT(chosen(source, {.single = {{"c", "v1"}}}), ElementsAre("the catalog has no item named c"));
  EXPECT_TRUE(chosen(catalog::Items(), {.words = {"stable"}}).empty());
}

std::vector<std::string> missing(const std::vector<catalog::Item>& wanted,
                                 const std::map<std::string, std::string>& present) {
  std::vector<const catalog::Item*> items;
  for (const catalog::Item& one : wanted) items.push_back(&one);
  std::vector<std::string> paths;
  for (const catalog::Artifact& file : missing_files(items, present)) paths.push_back(file.path);
  return paths;
}

TEST(CatalogUpdate, CopiesWhatIsNewOrChanged) {
  const std::vector<catalog::Item> wanted{item("a", "stable", "v1"), item("a", "v1", "v1"),
                                          item("p", "v2", "v2", "PluginProvider")};
  EXPECT_THAT(missing(wanted, {}),
              ElementsAre("rebar-catalog/a/v1.json", "rebar-catalog/p/v2/amd64/linux/p"));
  EXPECT_TRUE(missing(wanted, files_of(catalog::Items(wanted))).empty());
  std::vector<catalog::Item> changed = wanted;
  changed[2].sha256["amd64/linux"] = kOtherPlannedSum;
  EXPECT_THAT(missing(changed, files_of(catalog::Items(wanted))),
              ElementsAre("rebar-catalog/p/v2/amd64/linux/p"));
}

// Breakage 4: a cached tip was never refreshed because only the key was compared.
TEST(CatalogUpdate, AMovedTipIsFetchedAgain) {
  const auto present = files_of(catalog::Items({item("a", "tip", "v1.0.0-tip.1")}));
  EXPECT_THAT(missing({item("a", "tip", "v1.0.0-tip.2")}, present),
              ElementsAre("rebar-catalog/a/v1.0.0-tip.2.json"));
  EXPECT_TRUE(missing({item("a", "tip", "v1.0.0-tip.1")}, present).empty());
}

TEST(CatalogUpdate, KnowsTheNewestCatalog) {
  EXPECT_EQ(
      newest_catalog({"1.2.9.json", "1.2.10.json", "1.2.json", "1.3.0-tip.json", "readme.txt", "x.json"}),
      "1.3.0-tip.json");
  EXPECT_EQ(newest_catalog({"v1.2.9.json", "v1.2.10.json"}), "v1.2.10.json");
  EXPECT_EQ(newest_catalog({}), "");
}

TEST(ProgressLine, FitsItsWidth) {
  EXPECT_EQ(progress_line("sledge.iso", 50'000'000, 200'000'000, 12'500'000, 90),
            "sledge.iso  [#######.......................]   25 %  50.0 MB of 200.0 MB  12.5 MB/s");
  EXPECT_EQ(progress_line("x", 5'000'000, 0, 1'000'000, 80), "x  5.0 MB  1.0 MB/s");
  EXPECT_LE(progress_line("a-very-long-name-of-a-file.iso", 5, 10, 1, 40).size(), 40U);
  EXPECT_THAT(progress_line("x", 300, 200, 1, 80), HasSubstr("[##############################]"));
}

TEST(Fingerprint, IsReadFromTheSystemsTree) {
  testing::FakeTerminal fake;
  const auto put = [&](const std::string& name, const std::string& text) {
    const std::filesystem::path path = fake.home / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  };
  put("class/dmi/id/product_uuid", "ABCD-EF\n");
  put("class/dmi/id/product_serial", "SN1\n");
  put("class/net/eth1/address", "52:54:00:00:00:02\n");
  put("class/net/eth0/address", "52:54:00:00:00:01\n");
  put("class/net/lo/address", "00:00:00:00:00:00\n");
  std::filesystem::create_directories(fake.home / "class/net/eth0/device");
  std::filesystem::create_directories(fake.home / "class/net/eth1/device");
  put("uuid", "11111111-2222-3333-4444-555555555555\n");
  EXPECT_EQ(local_whoami(fake.home, fake.home / "uuid"), json::parse(R"({
    "Fingerprint": {"SSNHash": "RYax53l4eLj/vYRwCML/p0oouYLEfgColUWavDhbSNE=", "CSNHash": "", "CloudInstanceID": "",
                    "SystemUUID": "abcd-ef", "MemoryIds": []},
    "MacAddrs": ["52:54:00:00:00:01", "52:54:00:00:00:02"],
    "OnDiskUUID": "11111111-2222-3333-4444-555555555555"})"));
}

}  // namespace
}  // namespace mullion::cli
