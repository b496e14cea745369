#include "catalog/installed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::catalog {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const std::string kInstalledSum(64, 'a');

Item listed(std::string name, std::string version, bool brought = false) {
  Item out;
  out.id = (brought ? "travelled-" : "") + name + "-" + version;
  out.name = std::move(name);
  out.version = out.actual_version = std::move(version);
  out.content_type = "ContentPackage";
  if (brought) out.meta[kBroughtBy] = "M1";
  return out;
}

Installed pack(std::string name, std::string version, std::string withheld = "") {
  return {"ContentPackage", std::move(name), std::move(version), kInstalledSum, {}, std::move(withheld)};
}

struct Case {
  const char* what;
  std::vector<Item> listed;
  std::vector<Installed> here;
  std::vector<std::string> ids;
  Withheld withheld;
};

TEST(InstalledItems, AreWhatNoCatalogHas) {
  const Case cases[] = {
      {"a release in no catalog", {}, {pack("a", "v1.0.0")}, {"a-v1.0.0", "a-stable"}, {}},
      {"a tip build in no catalog", {}, {pack("a", "v1.0.0-tip.3")}, {"a-v1.0.0-tip.3", "a-tip"}, {}},
      {"neither", {}, {pack("a", "v1.0.0-beta.1")}, {"a-v1.0.0-beta.1"}, {}},
      {"a version that is no number", {}, {pack("a", "latest")}, {"a-latest"}, {}},
      {"others in catalogs do not matter",
       {listed("b", "v1.0.0")},
       {pack("a", "v1.0.0")},
       {"a-v1.0.0", "a-stable"},
       {}},
      {"a catalog has the same version", {listed("a", "v1.0.0")}, {pack("a", "v1.0.0")}, {}, {}},
      {"a catalog has an older version", {listed("a", "v1.0.0")}, {pack("a", "v2.0.0")}, {"a-v2.0.0"}, {}},
      {"a catalog has a tip build only",
       {listed("a", "v1.0.0-tip.1")},
       {pack("a", "v1.0.0")},
       {"a-v1.0.0"},
       {}},
      {"another server brought an older version",
       {listed("a", "v1.0.0", true)},
       {pack("a", "v2.0.0")},
       {"a-v2.0.0", "a-stable"},
       {}},
      {"another server brought the same and a newer one",
       {listed("a", "v1.0.0", true), listed("a", "v2.0.0", true)},
       {pack("a", "v1.0.0")},
       {"a-stable"},
       {}},
      {"a catalog", {}, {pack("rackn-catalog", "v1.0.0")}, {}, {}},
      {"names that would be no files", {}, {pack("..", "v1.0.0"), pack("a", ""), pack("a", "v1/2")}, {}, {}},
      {"a name that leaves no place for its version", {}, {pack(std::string(250, 'a'), "v1.0.0")}, {}, {}},
      {"a secret",
       {},
       {pack("a", "v1.0.0", "profiles/p holds a secret")},
       {},
       {{"a", "profiles/p holds a secret"}}}};
  for (const Case& one : cases) {
    const InstalledItems items = installed_items(one.listed, one.here, "amd64/linux");
    std::vector<std::string> ids;
    for (const Item& item : items.items) ids.push_back(item.id);
    EXPECT_EQ(ids, one.ids) << one.what;
    EXPECT_EQ(items.withheld, one.withheld) << one.what;
  }
}

TEST(InstalledItems, SayWhereTheyComeFrom) {
  const InstalledItems made =
      installed_items({},
                      {{"ContentPackage", "a", "v1.0.0", kInstalledSum, {{"Prerequisites", "b"}}, {}},
                       {"PluginProvider", "p", "v2.0.0-tip.1", kInstalledSum, {}, {}}},
                      "arm64/linux");
  const Items items(made.items, made.withheld);
  const Item& pack = **items.resolve("a", "ContentPackage", "stable");
  EXPECT_EQ(pack.actual_version, "v1.0.0");
  EXPECT_EQ(pack.source, "installed://contents/a");
  EXPECT_THAT(pack.sha256, UnorderedElementsAre(Pair("any/any", kInstalledSum)));
  EXPECT_EQ(pack.meta.at("Prerequisites"), "b");
  EXPECT_TRUE(pack.hot_fix);
  const Item& provider = **items.resolve("p", "PluginProvider", "tip");
  EXPECT_TRUE(provider.tip);
  EXPECT_THAT(provider.sha256, UnorderedElementsAre(Pair("arm64/linux", kInstalledSum)));
  const auto artifact = artifact_of(provider, "arm64", "linux");
  ASSERT_TRUE(artifact);
  EXPECT_EQ(artifact->source, "installed://plugin_providers/p/arm64/linux/p");
  EXPECT_FALSE(artifact_of(provider, "amd64", "linux")) << "there is none for others";
  EXPECT_TRUE(Item::parse(provider.json())) << "clients read them like others";
}

TEST(InstalledName, IsReadFromTheSource) {
  const std::pair<const char*, std::optional<InstalledName>> cases[] = {
      {"installed://contents/a", InstalledName{"ContentPackage", "a"}},
      {"installed://plugin_providers/p/amd64/linux/p", InstalledName{"PluginProvider", "p"}},
      {"installed://contents/", std::nullopt},
      {"installed://contents/..", std::nullopt},
      {"installed://users/a", std::nullopt},
      {"self://files/contents/a", std::nullopt},
      {"http://h/installed://contents/a", std::nullopt}};
  for (const auto& [source, expected] : cases) EXPECT_EQ(installed_name(source), expected) << source;
}

}  // namespace
}  // namespace mullion::catalog
