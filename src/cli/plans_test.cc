// The pure decisions: lists of tasks, copies of a catalog, the bar of a transfer, this computer's
// fingerprint.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/catalog_plan.h"
#include "cli/cli_testing.h"
#include "cli/fingerprint.h"
#include "cli/task_list.h"
#include "cli/transfer.h"

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

json::object items(const char* text) { return json::parse(text).as_object(); }

std::vector<std::string> copied(const json::object& source, const json::object& local,
                                const CatalogFilter& filter) {
  std::vector<std::string> paths;
  for (const CatalogCopy& copy : plan_catalog_update(source, local, filter)) paths.push_back(copy.path);
  return paths;
}

TEST(CatalogUpdate, CopiesWhatIsNewOrChanged) {
  const json::object source = items(R"({
    "a-v1": {"Id":"a-v1","Name":"a","Version":"v1","ActualVersion":"v1","ContentType":"ContentPackage",
             "Source":"https://x/rebar-catalog/a/v1.json","Shasum256":{"any/any":"1"}},
    "a-stable": {"Id":"a-stable","Name":"a","Version":"stable","ActualVersion":"v1","ContentType":"ContentPackage",
             "Source":"https://x/rebar-catalog/a/v1.json","Shasum256":{"any/any":"1"}},
    "p-v2": {"Id":"p-v2","Name":"p","Version":"v2","ActualVersion":"v2","ContentType":"PluginProvider",
             "Source":"https://x/rebar-catalog/p/v2","Shasum256":{"amd64/linux":"1","arm64/linux":"NOTFOUND"}},
    "t-tip": {"Id":"t-tip","Name":"t","Version":"tip","ActualVersion":"v3-tip","Tip":true,
             "ContentType":"ContentPackage","Source":"https://x/rebar-catalog/t/tip.json"},
    "elsewhere": {"Id":"elsewhere","Version":"v1","Source":"https://x/other/a.json"}})");
  EXPECT_THAT(copied(source, {}, {}),
              ElementsAre("rebar-catalog/a/v1.json", "rebar-catalog/p/v2/amd64/linux/p"));
  EXPECT_THAT(copied(source, {}, {"stable", false}), ElementsAre("rebar-catalog/a/v1.json"));
  EXPECT_THAT(copied(source, {}, {"stable", true}),
              ElementsAre("rebar-catalog/a/v1.json", "rebar-catalog/t/tip.json"));
  EXPECT_TRUE(copied(source, source, {}).empty());
  json::object changed = source;
  changed["p-v2"].as_object()["Shasum256"].as_object()["amd64/linux"] = "2";
  EXPECT_THAT(copied(changed, source, {}), ElementsAre("rebar-catalog/p/v2/amd64/linux/p"));
}

TEST(CatalogUpdate, PutsThePlatformIntoNamesOfNewServers) {
  const json::value item = json::parse(
      R"({"ContentType":"DRP","Source":"https://x/rebar-catalog/drp/v4.8.zip","Shasum256":{"amd64/linux":"1"}})");
  EXPECT_EQ(item_url(item, "amd64/linux"), "https://x/rebar-catalog/drp/v4.8.amd64.linux.zip");
  const json::value tool = json::parse(R"({"ContentType":"DRPCLI","Source":"https://x/drpcli/v4"})");
  EXPECT_EQ(item_url(tool, "amd64/windows"), "https://x/drpcli/v4/amd64/windows/drpcli.exe");
}

TEST(CatalogUpdate, KnowsTheNewestCatalog) {
  EXPECT_EQ(newest_catalog({"1.2.9.json", "1.2.10.json", "1.2.json", "readme.txt", "x.json"}), "1.2.10.json");
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
