// Building.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/catalog_testing.h"

namespace mullion::catalog {
namespace {

using testing::CatalogTest;
using testing::FaultyBlobs;
using testing::pack_text;
namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(CatalogTest, AnEmptyTreeGivesAnEmptyCatalog) {
  const BuildReport report = build();
  EXPECT_TRUE(report.changed);
  EXPECT_EQ(report.items, 0U);
  const json::value document = json::parse(read(tree() / "rackn-catalog.json"));
  EXPECT_TRUE(document.at("sections").at("catalog_items").as_object().empty());
  EXPECT_EQ(read(tree() / "rackn-catalog" / (report.version + ".json")), read(tree() / "rackn-catalog.json"));
  const json::value summary = json::parse(layers_->summary("rackn-catalog").value());
  EXPECT_EQ(summary.at("meta").at("Type"), "catalog");
  EXPECT_EQ(summary.at("meta").at("Version"), json::string(report.version));
}

// Breakage 12: full builds took so long that people shipped trimmed catalogs.
TEST_F(CatalogTest, ReadsOnlyWhatChanged) {
  for (const char* version : {"v1.0.0", "v1.1.0", "v1.2.0"}) write_pack("a", version);
  const BuildReport cold = build();
  EXPECT_EQ(cold.hashed, 3U);
  EXPECT_EQ(cold.items, 4U);
  const BuildReport same = build();
  EXPECT_EQ(same.hashed, 0U);
  EXPECT_FALSE(same.changed);
  EXPECT_EQ(same.version, cold.version);
  write_pack("a", "v1.3.0");
  const BuildReport more = build();
  EXPECT_EQ(more.hashed, 1U);
  EXPECT_TRUE(more.changed);
  EXPECT_GT(more.version, cold.version);
  EXPECT_EQ(actual("a-stable"), "v1.3.0");
  close();
  open();  // what was learnt outlives the process
  EXPECT_EQ(actual("a-stable"), "v1.3.0");
  EXPECT_EQ(build().hashed, 0U);
}

TEST_F(CatalogTest, SeesAReplacedFileAndARemovedOne) {
  write_pack("a", "v1.0.0");
  write_pack("b", "v1.0.0");
  build();
  const std::string before = catalog_->items()->find("a-v1.0.0")->sha256.at("any/any");
  write("rebar-catalog/a/v1.0.0.json", pack_text("a", "v1.0.0", R"(,"Order":"7")"));
  fs::remove(tree() / "b" / "v1.0.0.json");
  EXPECT_EQ(build().hashed, 1U);
  const Item* item = catalog_->items()->find("a-v1.0.0");
  EXPECT_NE(item->sha256.at("any/any"), before);
  EXPECT_EQ(item->sha256.at("any/any"), sha256("rebar-catalog/a/v1.0.0.json"));
  EXPECT_EQ(item->meta.at("Order"), "7");
  EXPECT_EQ(catalog_->items()->find("b-stable"), nullptr);
}

TEST_F(CatalogTest, KeepsAFewVersionsAndCountsOnFromCopiedOnes) {
  write("rebar-catalog/rackn-catalog/4.12.3.json", "{}");
  for (int i = 0; i < 8; ++i) {
    write_pack("a", "v1.0." + std::to_string(i));
    build();
  }
  EXPECT_EQ(build().version, "4.12.11");
  const auto names =
      std::distance(fs::directory_iterator(tree() / "rackn-catalog"), fs::directory_iterator());
  EXPECT_EQ(names, 5);
}

TEST_F(CatalogTest, LeavesOutWhatContradictsItself) {
  write("rebar-catalog/a/v1.0.0.json", pack_text("b", "v1.0.0"));
  write("rebar-catalog/c/v1.0.0.json", pack_text("c", "v1.0.1"));
  write("rebar-catalog/d/v1.0.0.json", "not json");
  write("rebar-catalog/readme.txt", "hello");
  write_pack("good", "v1.0.0");
  for (int round = 0; round < 2; ++round) {  // remembered problems are told again
    const BuildReport report = build();
    EXPECT_EQ(report.items, 2U);
    EXPECT_THAT(report.warnings, SizeIs(4));
    EXPECT_THAT(report.warnings, Contains("a/v1.0.0.json: it calls itself `b`, not a"));
    EXPECT_THAT(report.warnings, Contains("c/v1.0.0.json: it says it is version `v1.0.1`, not v1.0.0"));
    EXPECT_THAT(report.warnings, Contains(HasSubstr("d/v1.0.0.json: no content pack")));
  }
}

// Breakage 10: the licence had to be placed in the catalog by hand.
TEST_F(CatalogTest, TheLicenceOfTheServerIsAnItem) {
  ASSERT_TRUE(layers_->load(pack_text("rackn-license", "v1.0.0"), false, "", false, "user:test"));
  build();
  EXPECT_EQ(actual("rackn-license-stable"), "v1.0.0");
  const auto artifact = artifact_of(*catalog_->items()->find("rackn-license-stable"), "amd64", "linux");
  ASSERT_TRUE(artifact);
  EXPECT_TRUE(fetch(*artifact));
}

std::string provider(const std::string& name, const std::string& version, const std::string& before = "") {
  return "#!/bin/sh\n" + before + "[ \"$1\" = define ] || exit 3\nprintf '{\"Name\":\"" + name +
         "\",\"Version\":\"" + version +
         "\",\"Meta\":{\"icon\":\"star\",\"License\":\"%s\"},\"Content\":\"{\\\\\"meta\\\\\":{"
         "\\\\\"Name\\\\\":\\\\\"x\\\\\",\\\\\"Prerequisites\\\\\":\\\\\"base\\\\\"}}\"}' \"$RS_TOKEN\"\n";
}

TEST_F(CatalogTest, AsksProvidersOfItsOwnPlatform) {
  write("rebar-catalog/p/v1.0.0/amd64/linux/p", provider("p", "v1.0.0"));
  write("rebar-catalog/p/v1.0.0/arm64/linux/p", "another platform's program");
  EXPECT_THAT(build().warnings, IsEmpty());
  const Item* item = catalog_->items()->find("p-stable");
  ASSERT_NE(item, nullptr);
  EXPECT_THAT(item->sha256, SizeIs(2));
  EXPECT_EQ(item->meta.at("License"), "catalog");
  EXPECT_EQ(item->meta.at("Icon"), "star");
  EXPECT_EQ(item->meta.at("Prerequisites"), "base");
  EXPECT_EQ(build().hashed, 0U);
}

TEST_F(CatalogTest, ProvidersThatDoNotAnswerAreLeftOut) {
  write("rebar-catalog/slow/v1/amd64/linux/slow", provider("slow", "v1", "sleep 60\n"));
  write("rebar-catalog/bad/v1/amd64/linux/bad", "#!/bin/sh\nexit 7\n");
  write("rebar-catalog/liar/v1/amd64/linux/liar", provider("honest", "v1"));
  write("rebar-catalog/no/v1/amd64/linux/no", "no program");
  write_pack("a", "v1.0.0");
  const BuildReport report = build();
  EXPECT_EQ(report.items, 2U);
  EXPECT_THAT(report.warnings, SizeIs(4));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("bad/v1/amd64/linux/bad: define: ended with exit code 7")));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("it calls itself `honest`, not liar")));
}

TEST_F(CatalogTest, BuildsThatComeTogetherAreShared) {
  for (int i = 0; i < 50; ++i) write_pack("a", "v1.0." + std::to_string(i));
  // Every build asks it, as it fails; the first one waits until all others were called.
  write(
      "rebar-catalog/count/v1/amd64/linux/count",
      fmt::format("#!/bin/sh\necho build >> {0}/builds\nwhile [ ! -e {0}/go ]; do sleep 0.01; done\nexit 1\n",
                  root_.string()));
  std::vector<std::future<Result<BuildReport>>> builds;
  const auto call = [&] {
    builds.push_back(env::launch(runtime_, [this] { return catalog_->build("user:test"); }));
  };
  call();
  eventually([this] { return fs::exists(root_ / "builds"); });
  for (int i = 1; i < 10; ++i) call();
  for (int i = 0; i < 10; ++i)
    (void)run([]() -> Task<Result<void>> { co_return Result<void>(); });  // they began
  std::ofstream(root_ / "go") << "";
  for (auto& one : builds) {
    const auto report = one.get();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->items, 51U);
  }
  EXPECT_EQ(read(root_ / "builds"), "build\nbuild\n");
  EXPECT_EQ(actual("a-stable"), "v1.0.49");
  EXPECT_TRUE(fs::exists(tree() / "rackn-catalog" / "1.0.1.json"));
  EXPECT_FALSE(fs::exists(tree() / "rackn-catalog" / "1.0.2.json"));
}

// A file that is there but cannot be read has not vanished: the old catalog stays.
TEST_F(CatalogTest, ErrorsOfReadingFailTheBuild) {
  write_pack("a", "v1.0.0");
  write_pack("b", "v1.0.0");
  build();
  write_pack("b", "v2.0.0");
  for (std::string FaultyBlobs::*fault : {&FaultyBlobs::unseen, &FaultyBlobs::unreadable}) {
    (*blobs_).*fault = "b/v2.0.0.json";
    const auto report = run([this] { return catalog_->build("user:test"); });
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().messages.front(), HasSubstr("b/v2.0.0.json: "));
    EXPECT_EQ(actual("b-stable"), "v1.0.0");
    ((*blobs_).*fault).clear();
  }
  EXPECT_THAT(build().warnings, IsEmpty());  // nor is it remembered as a fault of the file
  EXPECT_EQ(actual("b-stable"), "v2.0.0");
}

// What cannot be an item must not make every build fail.
TEST_F(CatalogTest, LeavesOutNamesThatNoItemMayHave) {
  write_pack("good", "v1.0.0");
  write("rebar-catalog/b\x01/v1.0.0.json", "{}");
  write("rebar-catalog/b\xff/v1.0.0.json", "{}");  // nobody could ask for it: it is not even listed
  write("rebar-catalog/" + std::string(240, 'n') + "/v1.0.0-long.json", "{}");
  write("rebar-catalog/" + std::string(250, 'n') + "/v1.json", "{}");
  const BuildReport report = build();
  EXPECT_EQ(report.items, 2U);
  EXPECT_THAT(report.warnings, SizeIs(3));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("b\\x01/v1.0.0.json: ")));
}

// Listeners and settings that throw are failures, not the end of all builds.
TEST_F(CatalogTest, ExceptionsEndNothing) {
  write_pack("a", "v1.0.0");
  without_url_ = true;
  const auto failed = run([this] { return catalog_->build("user:test"); });
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), HasSubstr("no luck"));
  without_url_ = false;
  EXPECT_EQ(build().items, 2U);
  std::atomic<int> thrown{0};
  catalog_->on_change([&thrown] {
    ++thrown;
    throw std::runtime_error("no luck");
  });
  for (const char* name : {"x", "y"}) {
    const std::string id = std::string(name) + "-v1";
    store_object("catalog_items", id,
                 json::serialize(json::object{{"Name", name}, {"Version", "v1"}, {"ContentType", "DRPCLI"}}));
    eventually([&] { return actual(id) == "v1"; });
  }
  eventually([&] { return thrown == 2; });
}

TEST_F(CatalogTest, AFailedBuildLeavesTheOldOne) {
  write_pack("a", "v1.0.0");
  build();
  const std::string before = read(tree() / "rackn-catalog.json");
  fs::rename(tree() / "rackn-catalog", root_ / "aside");
  write("rebar-catalog/rackn-catalog", "in the way");
  write_pack("a", "v2.0.0");
  const auto report = run([this] { return catalog_->build("user:test"); });
  EXPECT_FALSE(report);
  EXPECT_EQ(read(tree() / "rackn-catalog.json"), before);
  EXPECT_EQ(actual("a-stable"), "v1.0.0");
  EXPECT_TRUE(fs::remove(tree() / "rackn-catalog"));
  build();
  EXPECT_EQ(actual("a-stable"), "v2.0.0");
}

}  // namespace
}  // namespace mullion::catalog
