#include "catalog/items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::catalog {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kItemSum(64, 'a');
const std::string kOtherItemSum(64, 'b');

json::object object(std::string_view text) { return json::parse(text).as_object(); }

Item item(std::string name, std::string version, std::string actual, std::string type = "ContentPackage") {
  Item out;
  out.id = name + "-" + version;
  out.name = std::move(name);
  out.version = std::move(version);
  out.actual_version = std::move(actual);
  out.content_type = std::move(type);
  out.source = "http://h/files/rebar-catalog/x";
  return out;
}

TEST(Item, IsWhatTheContractSays) {
  const auto read = Item::parse(object(
      R"({"Id":"p-stable","Name":"p","Version":"stable","ActualVersion":"v1.2.3","ContentType":"PluginProvider",
          "Source":"http://h/files/rebar-catalog/p/v1.2.3","HotFix":true,"Meta":{"Order":"5"},"Shasum256":{"amd64/linux":")" +
      std::string(64, 'A') + R"(","arm64/linux":"NOTFOUND"}})"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->sha256, (std::map<std::string, std::string>{{"amd64/linux", kItemSum}}));
  const json::object shown = read->json();
  EXPECT_EQ(shown.at("NOJQSource"), "p-stable:::http://h/files/rebar-catalog/p/v1.2.3");
  EXPECT_EQ(shown.at("Type"), "catalog_items");
  EXPECT_EQ(shown.at("Shasum256").as_object().size(), 12U);
  EXPECT_EQ(shown.at("Shasum256").at("arm64/linux"), "NOTFOUND");
  EXPECT_EQ(shown.at("Shasum256").at("amd64/linux"), json::string(kItemSum));
  EXPECT_EQ(shown.at("HotFix"), true);
  EXPECT_EQ(shown.at("Tip"), false);
  const auto again = Item::parse(shown);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *read);
}

TEST(Item, FillsInWhatIsAbsent) {
  const auto read = Item::parse(object(R"({"Name":"a","Version":"v1","ContentType":"ContentPackage"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, "a-v1");
  EXPECT_EQ(read->actual_version, "v1");
}

// Words of other places ("armv7l", "x86_64") would find no build.
TEST(Artifact, OwnPlatformIsOneThatItemsHave) {
  const std::string own = own_platform();
  const size_t slash = own.find('/');
  ASSERT_NE(slash, std::string::npos);
  EXPECT_EQ(std::count(std::begin(kArchitectures), std::end(kArchitectures), own.substr(0, slash)), 1);
  EXPECT_EQ(std::count(std::begin(kSystems), std::end(kSystems), own.substr(slash + 1)), 1);
}

// Their places become paths of files, here and on other computers.
TEST(Item, OwnSourcesHaveNoDetours) {
  for (const char* source : {"self://files/../x", "self://files/a/./b", "self://files/a//b", "self://files/",
                             "self://files/a/..", "self://files/a/"}) {
    const auto read =
        Item::parse({{"Name", "a"}, {"Version", "v1"}, {"ContentType", "DRP"}, {"Source", source}});
    ASSERT_FALSE(read) << source;
    EXPECT_THAT(read.error().messages.front(), HasSubstr("Source")) << source;
  }
  EXPECT_TRUE(Item::parse(
      {{"Name", "a"}, {"Version", "v1"}, {"ContentType", "DRP"}, {"Source", "self://files/a..b/c.json"}}));
}

// What is installed here is there by its version, but moves no word of a catalog.
TEST(Items, InstalledOnesAreNoNewestOfACatalog) {
  Item installed = item("a", "v2.0.0", "v2.0.0");
  installed.source = "installed://contents/a";
  const Items items({item("a", "v1.0.0-tip.1", "v1.0.0-tip.1"), installed},
                    {{"a", "profiles/p holds a secret"}});
  EXPECT_EQ(items.resolve("a", "", "v2.0.0").value()->source, "installed://contents/a");
  EXPECT_EQ(items.resolve("a", "", "tip").value()->version, "v1.0.0-tip.1");
  const auto stable = items.resolve("a", "", "stable");
  ASSERT_FALSE(stable);
  EXPECT_EQ(stable.error().messages.front(),
            "the catalog has no item a stable, but v1.0.0-tip.1, v2.0.0; what is installed here is not sent "
            "elsewhere: profiles/p holds a secret");
}

TEST(Items, SayWhatIsWithheld) {
  const Items items({}, {{"a", "profiles/p holds a secret"}});
  EXPECT_EQ(items.resolve("a", "ContentPackage", "v1").error().messages.front(),
            "the catalog has no ContentPackage named a; what is installed here is not sent elsewhere: "
            "profiles/p holds a secret");
  EXPECT_EQ(items.resolve("b", "", "v1").error().messages.front(), "the catalog has no item named b");
}

TEST(Item, NamesTheMemberThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"Version":"v1","ContentType":"DRP"})", "Name"},
      {R"({"Name":"a","ContentType":"DRP"})", "Version"},
      {R"({"Name":"../a","Version":"v1","ContentType":"DRP"})", "Name"},
      {R"({"Name":"a","Version":"..","ContentType":"DRP"})", "Version"},
      {R"({"Name":"a","Version":"v1","ActualVersion":"b/c","ContentType":"DRP"})", "ActualVersion"},
      {R"({"Name":"a","Version":"v1","ContentType":"Nothing"})", "ContentType: `Nothing` is none of"},
      {R"({"Name":7,"Version":"v1","ContentType":"DRP"})", "Name: expected a string"},
      {R"({"Name":"a","Version":"v1","ContentType":"DRP","Shasum256":[]})", "Shasum256"},
      {R"({"Name":"a","Version":"v1","ContentType":"DRP","Shasum256":{"any/any":"12"}})", "is no SHA-256"},
      {R"({"Name":"a","Version":"v1","ContentType":"DRP","Shasum256":{"../x":"NOTFOUND","../y":"12"}})",
       "is not ARCH/OS"}};
  for (const auto& [text, expected] : cases) {
    const auto read = Item::parse(object(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(read.error().text(), HasSubstr(expected));
  }
}

struct ArtifactCase {
  const char *type, *name, *version, *source, *key, *arch, *os, *expected, *path;
};

TEST(Artifact, IsExpandedByContentType) {
  const ArtifactCase cases[] = {
      {"ContentPackage", "a", "v1", "http://h/rebar-catalog/a/v1.json", "any/any", "amd64", "linux",
       "http://h/rebar-catalog/a/v1.json", "rebar-catalog/a/v1.json"},
      {"PluginProvider", "p", "v1", "http://h/rebar-catalog/p/v1", "arm64/linux", "arm64", "linux",
       "http://h/rebar-catalog/p/v1/arm64/linux/p", "rebar-catalog/p/v1/arm64/linux/p"},
      {"DRPCLI", "drpcli", "v1", "http://h/drpcli/v1", "amd64/windows", "amd64", "windows",
       "http://h/drpcli/v1/amd64/windows/drpcli.exe", "rebar-catalog/drpcli/v1/amd64/windows/drpcli.exe"},
      {"DRPCLI", "drpcli", "v1", "http://h/drpcli/v1", "amd64/darwin", "amd64", "darwin",
       "http://h/drpcli/v1/amd64/darwin/drpcli", "rebar-catalog/drpcli/v1/amd64/darwin/drpcli"},
      {"DRP", "drp", "v4.6.3", "http://h/drp/v4.6.3.zip", "any/any", "amd64", "linux",
       "http://h/drp/v4.6.3.zip", "rebar-catalog/drp/v4.6.3.zip"},
      {"DRP", "drp", "v4.7.0", "http://h/drp/v4.7.0.zip", "amd64/linux", "amd64", "linux",
       "http://h/drp/v4.7.0.amd64.linux.zip", "rebar-catalog/drp/v4.7.0.amd64.linux.zip"},
      {"DRP", "drp", "v4.12.0", "http://h/drp/v4.12.0.zip", "", "arm64", "linux",
       "http://h/drp/v4.12.0.arm64.linux.zip", "rebar-catalog/drp/v4.12.0.arm64.linux.zip"},
      {"DRP", "drp", "v4.6.0", "http://h/drp/v4.6.0.zip", "", "arm64", "linux", "http://h/drp/v4.6.0.zip",
       "rebar-catalog/drp/v4.6.0.zip"},
      {"DRPUX", "drp-ux", "v1", "http://h/drp-ux/v1.zip", "any/any", "amd64", "linux",
       "http://h/drp-ux/v1.zip", "rebar-catalog/drp-ux/v1.zip"},
      {"ContentPackage", "a", "v1", "self://files/own/a.json", "any/any", "amd64", "linux",
       "self://files/own/a.json", "own/a.json"}};
  for (const ArtifactCase& wanted : cases) {
    Item given = item(wanted.name, "stable", wanted.version, wanted.type);
    given.source = wanted.source;
    if (*wanted.key != 0) given.sha256.emplace(wanted.key, kItemSum);
    const auto artifact = artifact_of(given, wanted.arch, wanted.os);
    ASSERT_TRUE(artifact) << artifact.error().text();
    EXPECT_EQ(artifact->source, wanted.expected);
    EXPECT_EQ(artifact->path, wanted.path);
    EXPECT_EQ(artifact->sha256, *wanted.key != 0 ? kItemSum : "");
  }
}

TEST(Artifact, IsNotThereForOtherPlatforms) {
  Item provider = item("p", "v1", "v1", "PluginProvider");
  provider.sha256 = {{"amd64/linux", kItemSum}};
  const auto artifact = artifact_of(provider, "arm64", "linux");
  ASSERT_FALSE(artifact);
  EXPECT_EQ(artifact.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(artifact.error().messages.front(), "p v1 has no build for arm64/linux");
}

TEST(Artifact, ThereIsOneForEachBuild) {
  Item cli = item("drpcli", "v1", "v1", "DRPCLI");
  cli.sha256 = {{"amd64/linux", kItemSum}, {"amd64/windows", kOtherItemSum}};
  std::vector<std::string> paths;
  for (const Artifact& artifact : artifacts_of(cli)) paths.push_back(artifact.path);
  EXPECT_THAT(paths, ElementsAre("rebar-catalog/drpcli/v1/amd64/linux/drpcli",
                                 "rebar-catalog/drpcli/v1/amd64/windows/drpcli.exe"));
  EXPECT_EQ(artifacts_of(item("a", "v1", "v1")).size(), 1U);
  EXPECT_TRUE(artifacts_of(item("p", "v1", "v1", "PluginProvider")).empty());
}

TEST(Items, FirstWins) {
  Item own = item("a", "v1", "v1");
  own.source = "first";
  Item foreign = own;
  foreign.source = "second";
  const Items items({own, foreign, item("b", "v1", "v1")});
  EXPECT_EQ(items.find("a-v1")->source, "first");
  EXPECT_EQ(items.named("a", "").size(), 1U);
  EXPECT_EQ(items.find("c-v1"), nullptr);
}

TEST(Items, ResolveWords) {
  const Items items({item("a", "v1.0.0", "v1.0.0"), item("a", "v1.10.0", "v1.10.0"),
                     item("a", "v1.9.0", "v1.9.0"), item("a", "v1.11.0-tip.2", "v1.11.0-tip.2"),
                     item("a", "v1.11.0-rc.1", "v1.11.0-rc.1"), item("b", "stable", "v3.0.0"),
                     item("b", "v9.0.0", "v9.0.0"), item("c", "v1", "v1"),
                     item("d", "v1-tip", "v1-tip", "PluginProvider")});
  struct Case {
    const char *name, *type, *word, *actual;
  };
  const Case cases[] = {
      {"a", "", "stable", "v1.10.0"},          {"a", "ContentPackage", "tip", "v1.11.0-tip.2"},
      {"a", "", "v1.9.0", "v1.9.0"},           {"b", "", "stable", "v3.0.0"},
      {"b", "", "v3.0.0", "v3.0.0"},           {"a", "", "v1.11.0-rc.1", "v1.11.0-rc.1"},
      {"d", "PluginProvider", "tip", "v1-tip"}};
  for (const Case& wanted : cases) {
    const auto found = items.resolve(wanted.name, wanted.type, wanted.word);
    ASSERT_TRUE(found) << wanted.name << " " << wanted.word << ": " << found.error().text();
    EXPECT_EQ((*found)->actual_version, wanted.actual);
  }
}

TEST(Items, SayWhatThereIsInstead) {
  const Items items(
      {item("a", "v1", "v1"), item("a", "v2", "v2"), item("p", "v1-tip", "v1-tip", "PluginProvider")});
  struct Case {
    const char *name, *type, *word, *message;
  };
  const Case cases[] = {{"a", "ContentPackage", "v3", "the catalog has no ContentPackage a v3, but v1, v2"},
                        {"a", "", "tip", "the catalog has no item a tip, but v1, v2"},
                        {"a", "PluginProvider", "v1", "the catalog has no PluginProvider named a"},
                        {"p", "", "stable", "the catalog has no item p stable, but v1-tip"},
                        {"zz", "", "stable", "the catalog has no item named zz"}};
  for (const Case& wanted : cases) {
    const auto found = items.resolve(wanted.name, wanted.type, wanted.word);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(found.error().messages.front(), wanted.message);
  }
}

}  // namespace
}  // namespace mullion::catalog
