#include "catalog/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "catalog/catalog_url.h"
#include "catalog/collection.h"
#include "catalog/internal/pack_meta.h"
#include "catalog/internal/places.h"
#include "catalog/internal/remote_catalogs.h"

namespace mullion::catalog {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kSum(64, 'a');
const std::string kOtherSum(64, 'b');
constexpr std::string_view kRoot = "http://h:1/files/rebar-catalog";

ScannedFile file(std::string path, std::string sum = kSum) {
  return {std::move(path), std::move(sum), {}, {}};
}

std::map<std::string, Item> by_id(const BuiltItems& built) {
  std::map<std::string, Item> out;
  for (const Item& item : built.items) out.emplace(item.id, item);
  return out;
}

std::map<std::string, Item> built_from(const std::vector<std::string>& paths) {
  std::vector<ScannedFile> files;
  for (const std::string& path : paths) files.push_back(file(path));
  const BuiltItems built = build_items(files, kRoot);
  EXPECT_THAT(built.warnings, IsEmpty());
  return by_id(built);
}

TEST(Place, IsReadByTheContractsTable) {
  struct Case {
    const char *path, *name, *version, *type, *platform, *item_path;
  };
  const Case cases[] = {
      {"a/v1.2.3.json", "a", "v1.2.3", "ContentPackage", "any/any", "a/v1.2.3.json"},
      {"a/v1.2.3-tip.4+g1.json", "a", "v1.2.3-tip.4+g1", "ContentPackage", "any/any",
       "a/v1.2.3-tip.4+g1.json"},
      {"rackn-license/v1.0.0.json", "rackn-license", "v1.0.0", "ContentPackage", "any/any",
       "rackn-license/v1.0.0.json"},
      {"p/v1/arm64/linux/p", "p", "v1", "PluginProvider", "arm64/linux", "p/v1"},
      {"drpcli/v1/amd64/windows/drpcli.exe", "drpcli", "v1", "DRPCLI", "amd64/windows", "drpcli/v1"},
      {"drpcli/v1/amd64/darwin/drpcli", "drpcli", "v1", "DRPCLI", "amd64/darwin", "drpcli/v1"},
      {"drp/v4.6.0.zip", "drp", "v4.6.0", "DRP", "any/any", "drp/v4.6.0.zip"},
      {"drp/v4.7.1.ppc64le.linux.zip", "drp", "v4.7.1", "DRP", "ppc64le/linux", "drp/v4.7.1.zip"},
      {"drp/v4.7.1-rc.1.amd64.linux.zip", "drp", "v4.7.1-rc.1", "DRP", "amd64/linux", "drp/v4.7.1-rc.1.zip"},
      {"drp-ux/v4.zip", "drp-ux", "v4", "DRPUX", "any/any", "drp-ux/v4.zip"}};
  for (const Case& wanted : cases) {
    const auto place = place_of(wanted.path);
    ASSERT_TRUE(place && *place) << wanted.path;
    EXPECT_EQ(**place, (Place{wanted.name, wanted.version, wanted.type, wanted.platform, wanted.item_path}));
  }
  for (const char* own : {"rackn-catalog.json", "rackn-catalog/1.0.1.json", ".incoming/abc"}) {
    const auto place = place_of(own);
    EXPECT_TRUE(place && !*place) << own;
  }
  for (const char* unknown :
       {"a", "a/readme.md", "a/latest.json", "a/v1.zip", "p/v1/mips/linux/p", "p/v1/amd64/linux/q",
        "p/v1/amd64/p", "p/v1/amd64/linux/x/p", "drpcli/v1/amd64/windows/drpcli", ""}) {
    EXPECT_FALSE(place_of(unknown)) << unknown;
  }
}

// Breakages 1 and 5: `stable` pointed at the newest build, development builds included.
TEST(Build, StableIsTheHighestReleaseAndTipTheNewestTipBuild) {
  struct Case {
    std::vector<std::string> versions;
    const char *stable, *tip;
  };
  const Case cases[] = {{{"v1.0.0", "v1.1.0-tip.7"}, "v1.0.0", "v1.1.0-tip.7"},
                        {{"v1.9.0", "v1.10.0", "v1.10.1-rc.1"}, "v1.10.0", ""},
                        {{"v1.0.0-tip.9", "v1.0.0-tip.10"}, "", "v1.0.0-tip.10"},
                        {{"v2.0.0", "v1.9.0-tip"}, "v2.0.0", "v1.9.0-tip"},
                        {{"v1.0.0-dev.3"}, "", ""},
                        {{"v1.0.0-5-gabc", "v0.9.0"}, "v0.9.0", ""}};
  for (const Case& wanted : cases) {
    std::vector<std::string> paths;
    for (const std::string& version : wanted.versions) paths.push_back("a/" + version + ".json");
    const auto items = built_from(paths);
    const auto actual = [&items](const char* id) {
      return items.contains(id) ? items.at(id).actual_version : std::string();
    };
    EXPECT_EQ(actual("a-stable"), wanted.stable) << wanted.versions.front();
    EXPECT_EQ(actual("a-tip"), wanted.tip) << wanted.versions.front();
  }
}

// Breakage 13: every name with a release has a stable item.
TEST(Build, StableIsThereForEveryKind) {
  const auto items = built_from({"a/v1.json", "p/v1/amd64/linux/p", "drpcli/v1/amd64/linux/drpcli",
                                 "drp/v4.8.0.amd64.linux.zip", "drp-ux/v2.zip", "rackn-license/v1.json"});
  for (const char* id :
       {"a-stable", "p-stable", "drpcli-stable", "drp-stable", "drp-ux-stable", "rackn-license-stable"}) {
    EXPECT_TRUE(items.contains(id)) << id;
  }
  EXPECT_EQ(items.size(), 12U);
}

TEST(Build, SetsFlagsAndSources) {
  const auto items = built_from({"a/v1.0.0.json", "a/v1.1.0-tip.json", "a/v1.1.0-rc1.json"});
  struct Case {
    const char* id;
    bool tip, hot_fix;
  };
  for (const Case& wanted :
       {Case{"a-v1.0.0", false, true}, Case{"a-stable", false, true}, Case{"a-tip", true, false},
        Case{"a-v1.1.0-tip", true, false}, Case{"a-v1.1.0-rc1", false, false}}) {
    EXPECT_EQ(items.at(wanted.id).tip, wanted.tip) << wanted.id;
    EXPECT_EQ(items.at(wanted.id).hot_fix, wanted.hot_fix) << wanted.id;
  }
  EXPECT_EQ(items.at("a-stable").source, "http://h:1/files/rebar-catalog/a/v1.0.0.json");
}

TEST(Build, JoinsTheBuildsOfAVersion) {
  ScannedFile other = file("p/v1/arm64/linux/p", kOtherSum);
  ScannedFile asked = file("p/v1/amd64/linux/p");
  asked.meta["Author"] = "me";
  const auto items = by_id(build_items(
      {other, asked, file("drp/v4.8.0.amd64.linux.zip"), file("drp/v4.8.0.arm64.linux.zip")}, kRoot));
  EXPECT_EQ(items.at("p-v1").sha256,
            (std::map<std::string, std::string>{{"amd64/linux", kSum}, {"arm64/linux", kOtherSum}}));
  EXPECT_EQ(items.at("p-v1").meta.at("Author"), "me");
  EXPECT_EQ(items.at("p-v1").source, "http://h:1/files/rebar-catalog/p/v1");
  EXPECT_THAT(items.at("drp-stable").sha256, SizeIs(2));
  EXPECT_EQ(items.at("drp-v4.8.0").source, "http://h:1/files/rebar-catalog/drp/v4.8.0.zip");
}

TEST(Build, TellsWhatIsLeftOut) {
  ScannedFile broken = file("b/v1.json");
  broken.problem = "no content pack: it has no meta";
  const BuiltItems built =
      build_items({file("notes.txt"), broken, file("drp/v4.8.0.zip"), file("drp/v4.8.0.amd64.linux.zip"),
                   file("c/v1.json"), file("c/v1/amd64/linux/c")},
                  kRoot);
  EXPECT_THAT(
      built.warnings,
      ElementsAre(HasSubstr("notes.txt"), "b/v1.json: no content pack: it has no meta",
                  "c/v1/amd64/linux/c: there is a ContentPackage c-v1 already", HasSubstr("drp-v4.8.0")));
  EXPECT_EQ(by_id(built).at("drp-v4.8.0").sha256.count("any/any"), 0U);
}

TEST(Build, WritesOneMemberPerLine) {
  const std::string text =
      catalog_text(build_items({file("drp/v4.8.0.amd64.linux.zip")}, kRoot).items, "1.0.7");
  EXPECT_THAT(
      text,
      HasSubstr(
          "\n        \"NOJQSource\": \"drp-stable:::http://h:1/files/rebar-catalog/drp/v4.8.0.zip\",\n"));
  const json::value read = json::parse(text);
  EXPECT_EQ(read.at("meta").at("Version"), "1.0.7");
  EXPECT_EQ(read.at("meta").at("Type"), "catalog");
  EXPECT_EQ(read.at("sections").at("catalog_items").as_object().size(), 2U);
  const json::value empty = json::parse(catalog_text({}, "1.0.0"));
  EXPECT_TRUE(empty.at("sections").at("catalog_items").as_object().empty());
}

Result<json::object> meta_in_pieces(const std::string& text, size_t size) {
  size_t at = 0;
  return read_pack_meta([&]() -> Result<std::string_view> {
    const std::string_view piece = std::string_view(text).substr(std::min(at, text.size()), size);
    at += piece.size();
    return piece;
  });
}

TEST(PackMeta, IsReadInPiecesAndWithoutTheRest) {
  const std::string pack =
      R"({"sections":{"tasks":{"meta":{"Name":"no"},"x":{"y":[1,{"meta":{"Name":"no"}}]}}},
    "meta":{"Name":"pa\u0063k","Version":"v1","Order":5,"Nested":{"Name":"no"},"Prerequisites":"b: >=1"},"rest": this is never read)";
  for (const size_t size : {1UL, 3UL, 1000UL}) {
    const auto meta = meta_in_pieces(pack, size);
    ASSERT_TRUE(meta) << meta.error().text();
    EXPECT_EQ(meta->at("Name"), "pack");
    EXPECT_EQ(meta->at("Order"), "5");
    EXPECT_FALSE(meta->contains("Nested"));
  }
}

TEST(PackMeta, IsBounded) {
  const std::string long_text(200'000, 'x');
  const auto meta = meta_in_pieces(R"({"meta":{"Documentation":")" + long_text + R"(","Name":"a"}})", 1000);
  ASSERT_TRUE(meta);
  EXPECT_FALSE(meta->contains("Documentation"));
  EXPECT_EQ(meta->at("Name"), "a");
}

TEST(PackMeta, RefusesWhatIsNoPack) {
  for (const char* text : {"", "[]", "{", "{}", R"({"meta":"text"})", R"({"meta":{"Name":)", "\x7f"}) {
    EXPECT_FALSE(meta_in_pieces(text, 100)) << text;
  }
}

TEST(Collection, KeepsWhatSomebodyNeeds) {
  const std::vector<TreeFile> files{{"a/v1.0.0.json", 10},
                                    {"a/v1.1.0.json", 20},
                                    {"a/v1.2.0.json", 30},
                                    {"a/v1.3.0-tip.json", 40},
                                    {"p/v1/amd64/linux/p", 100},
                                    {"p/v1/arm64/linux/p", 200},
                                    {"p/v2/amd64/linux/p", 1},
                                    {"rackn-license/v1.json", 1},
                                    {"rackn-license/v2.json", 1},
                                    {"rackn-catalog/1.0.0.json", 1},
                                    {"notes.txt", 1}};
  const Collection found =
      collect(files, {{{"a-v1.1.0", "version_sets/base"}, {"a-v1.1.0", "endpoints/A"}}, {}});
  ASSERT_THAT(found.unused, SizeIs(2));
  EXPECT_EQ(found.unused[0].id, "a-v1.0.0");
  EXPECT_EQ(found.unused[1].id, "p-v1");
  EXPECT_EQ(found.unused[1].bytes, 300U);
  EXPECT_THAT(found.unused[1].paths, ElementsAre("p/v1/amd64/linux/p", "p/v1/arm64/linux/p"));
  std::map<std::string, std::vector<std::string>> reasons;
  for (const KeptVersion& version : found.kept) reasons[version.id] = version.reasons;
  EXPECT_THAT(reasons.at("a-v1.1.0"), ElementsAre("endpoints/A", "version_sets/base"));
  EXPECT_THAT(reasons.at("a-v1.2.0"), ElementsAre("stable"));
  EXPECT_THAT(reasons.at("a-v1.3.0-tip"), ElementsAre("tip"));
  EXPECT_THAT(reasons.at("rackn-license-v1"), ElementsAre("licence"));
}

Item stored_item(std::string id, std::string name, std::string version, std::string source) {
  Item item;
  item.id = std::move(id);
  item.name = std::move(name);
  item.version = item.actual_version = std::move(version);
  item.content_type = "ContentPackage";
  item.source = std::move(source);
  return item;
}

std::vector<std::string> unused_ids(const std::vector<TreeFile>& files, const Reasons& reasons) {
  std::vector<std::string> out;
  for (const KeptVersion& version : collect(files, reasons).unused) out.push_back(version.id);
  return out;
}

// Version sets name files of the tree themselves, too.
TEST(Collection, KeepsFilesThatSomebodyNames) {
  const std::vector<TreeFile> files{{"a/v1.json", 1}, {"a/v2.json", 1}, {"a/v3.json", 1}, {"a/v4.json", 1}};
  const std::string root = "http://h:1/files/";
  const Reasons reasons =
      reasons_of(Items(),
                 {{"", "", "", "files/rebar-catalog/a/v1.json", "version_sets/x"},
                  {"", "", "", root + "rebar-catalog/a/v2.json", "version_sets/x"},
                  {"", "", "", "http://elsewhere/files/rebar-catalog/a/v3.json", "version_sets/x"},
                  {"", "", "", "isos/rebar-catalog/a/v3.json", "version_sets/x"}},
                 root);
  EXPECT_THAT(unused_ids(files, reasons), ElementsAre("a-v3"));
}

// Items of packs and own objects: plans find them by name and version, whatever their ids and places are.
TEST(Collection, KeepsWhatPlansWouldResolve) {
  const std::vector<TreeFile> files{{"a/v1.json", 1},         {"a/v2.json", 1}, {"b/v1.json", 1},
                                    {"b/v2.json", 1},         {"b/v3.json", 1}, {"p/v1/amd64/linux/p", 1},
                                    {"p/v2/amd64/linux/p", 1}};
  Item odd_id = stored_item("my-own-id", "x", "blue", "http://e/x");
  odd_id.name = "a";
  odd_id.actual_version = "v1";
  const Item odd_place = stored_item("y-v9", "y", "v9", "self://files/rebar-catalog/b/v1.json");
  Item stable = stored_item("z-stable", "z", "stable", "http://h:1/files/rebar-catalog/b/v2.json");
  stable.actual_version = "v7";
  Item provider = stored_item("p-old", "p", "old", "http://e/p");
  provider.actual_version = "v1";
  provider.content_type = "PluginProvider";
  const Reasons reasons = reasons_of(Items({odd_id, odd_place, stable, provider}),
                                     {{"a", "ContentPackage", "blue", "", "version_sets/x"},
                                      {"y", "", "v9", "", "version_sets/x"},
                                      {"p", "PluginProvider", "old", "", "version_sets/x"}},
                                     "http://h:1/files/");
  // The newest of each name stay anyhow.
  EXPECT_THAT(unused_ids(files, reasons), IsEmpty());
  EXPECT_THAT(unused_ids(files, Reasons()), ElementsAre("a-v1", "b-v1", "b-v2", "p-v1"));
}

TEST(CatalogUrl, SaysWhomToTrust) {
  const CatalogUrl signed_one = catalog_url("https://h/c.json");
  EXPECT_TRUE(signed_one.trust.system_authorities);
  EXPECT_TRUE(signed_one.trust.pinned_fingerprint.empty());
  const CatalogUrl pinned = catalog_url("https://h/c.json#sha256=AB:cd");
  EXPECT_EQ(pinned.url, "https://h/c.json");
  EXPECT_EQ(pinned.trust.pinned_fingerprint, "abcd");
  EXPECT_FALSE(pinned.trust.system_authorities);
}

TEST(RemoteCatalog, IsReadInEveryShape) {
  const std::string item = R"({"Id":"a-v1","Name":"a","Version":"v1","ContentType":"ContentPackage"})";
  for (const std::string& text :
       {R"({"meta":{"Name":"c"},"sections":{"catalog_items":{"a-v1":)" + item + "}}}",
        R"({"catalog_items":{"a-v1":)" + item + "}}", R"({"a-v1":)" + item + "}", "[" + item + "]"}) {
    const auto read = read_catalog(text);
    ASSERT_TRUE(read) << text;
    ASSERT_THAT(read->items, SizeIs(1)) << text;
    EXPECT_EQ(read->items.front().id, "a-v1");
  }
  const auto partly = read_catalog(R"([{"Name":"a"},)" + item + "]");
  ASSERT_TRUE(partly);
  EXPECT_THAT(partly->items, SizeIs(1));
  EXPECT_THAT(partly->warnings, SizeIs(1));
  for (const char* bad : {"", "7", "<html>", R"({"sections":{}})", R"({"sections":{"catalog_items":7}})"}) {
    EXPECT_FALSE(read_catalog(bad)) << bad;
  }
}

TEST(RemoteCatalog, PlacesComeFromProfileGlobal) {
  EXPECT_THAT(catalog_places(R"({"Params":{"manager_catalog_urls":["http://a","self://b.json",7]}})"),
              ElementsAre("http://a", "self://b.json"));
  EXPECT_THAT(catalog_places(R"({"Params":{"manager_catalog_urls":"http://a,http://b"}})"),
              ElementsAre("http://a", "http://b"));
  EXPECT_THAT(catalog_places(R"({"Params":{}})"), IsEmpty());
}

}  // namespace
}  // namespace mullion::catalog
