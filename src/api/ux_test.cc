#include "api/internal/ux.h"

#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

class Ux : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(env::make_directories((folder_.path() / "files" / path).parent_path()));
    ASSERT_TRUE(env::write_file_atomic(folder_.path() / "files" / path, text));
  }

  testing::ScratchFolder folder_;
  std::unique_ptr<content::Blobs> blobs_ = content::make_blobs(folder_.path());
};

TEST_F(Ux, WithoutAPackageThereIsNone) {
  EXPECT_EQ(installed_ux_version(*blobs_), "");
  EXPECT_FALSE(is_ux_installed(*blobs_));
}

TEST_F(Ux, TheVersionIsWhatThePackageSays) {
  put("ux/index.html", "<html>");
  EXPECT_TRUE(is_ux_installed(*blobs_));
  EXPECT_EQ(installed_ux_version(*blobs_), "");
  put("ux/version", "v1.2.3\nbuilt yesterday\n");
  EXPECT_EQ(installed_ux_version(*blobs_), "v1.2.3");
  put("ux/ux-version.json", R"({"version":"v2.0.0"})");
  EXPECT_EQ(installed_ux_version(*blobs_), "v2.0.0");
  put("ux/version", "v1.2.3-\xe9t\xe9");
  put("ux/ux-version.json", "{");
  EXPECT_EQ(installed_ux_version(*blobs_), "") << "no UTF-8";
  put("ux/version", "v1.2.3");
  EXPECT_EQ(installed_ux_version(*blobs_), "v1.2.3");
}

TEST_F(Ux, TheVersionIsReadWhenToldTo) {
  UxVersion version;
  version.read(*blobs_);
  EXPECT_EQ(version.get(), "");
  put("ux/version", "v1.2.3");
  EXPECT_EQ(version.get(), "");
  version.read(*blobs_);
  EXPECT_EQ(version.get(), "v1.2.3");
  EXPECT_TRUE(is_ux_file("files/ux/version"));
  EXPECT_FALSE(is_ux_file("files/uxy"));
}

TEST(UxPaths, NamesThatChangeWithTheirContent) {
  for (const std::string_view path :
       {"assets/main-3f9a01cc.js", "main.3f9a01cc2b.css", "a/chunk-B1_x9Yz0Q.js.map"})
    EXPECT_TRUE(is_fingerprinted(path)) << path;
  for (const std::string_view path :
       {"index.html", "main.js", "jquery-3.6.0.js", "very-longwords.js", "3f9a01cc.js", ""})
    EXPECT_FALSE(is_fingerprinted(path)) << path;
}

TEST(UxPaths, PagesHaveNoExtension) {
  for (const std::string_view path : {"", "machines", "machines/42"}) EXPECT_TRUE(is_page(path)) << path;
  for (const std::string_view path : {"main.js", "a/b.css"}) EXPECT_FALSE(is_page(path)) << path;
}

TEST(TrialGate, OnlyTheSystemIsServed) {
  testing::Fixture api;
  api.authenticator.users["system"] = {{"*", "*", "*"}};
  api.upgrades.trial = true;
  const testing::Answer refused = api.call("GET", "/api/v3/info");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.message(), "v0.1.0 is being tried: it serves nobody yet");
  EXPECT_EQ(api.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 503);
  EXPECT_EQ(api.call("GET", "/api/v3/info", "", "system").status, 200);
  EXPECT_EQ(api.call("GET", "/").status, 200) << "what is public stays public";
}

TEST(UpgradeRoutes, PassOnPackageAndForce) {
  testing::Fixture api;
  const testing::Answer taken = api.call("POST", "/api/v3/system/upgrade?force=true", "zip");
  EXPECT_EQ(taken.status, 201);
  EXPECT_EQ(taken.json().at("Size").to_number<int>(), 3);
  ASSERT_EQ(api.upgrades.packages.size(), 1U);
  EXPECT_EQ(api.upgrades.packages[0], std::pair(std::string("zip"), true));
  api.upgrades.why_not = "no package";
  EXPECT_EQ(api.call("POST", "/api/v3/system/upgrade", "zip").message(), "no package");
  EXPECT_EQ(api.call("POST", "/api/v3/system/upgrade", "zip", "nobody").status, 403);
}

TEST(UpgradeRoutes, AFailureIsShownUntilItIsForgotten) {
  testing::Fixture api;
  api.upgrades.failed = "rolled back from v2 to v1: it hung";
  EXPECT_EQ(api.call("GET", "/api/v3/info").json().at("errors").at(0).as_string(), api.upgrades.failed);
  EXPECT_EQ(api.call("DELETE", "/api/v3/system/upgrade").status, 204);
  EXPECT_TRUE(api.call("GET", "/api/v3/info").json().at("errors").as_array().empty());
}

}  // namespace
}  // namespace mullion::api
