#include "base/semantic_version.h"

#include <gtest/gtest.h>

#include <string>

namespace mullion {
namespace {

TEST(Version, Parses) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.2.3", "1.2.3"},   {"v4.8.0", "4.8.0"}, {"v4.8.0-alpha1+7", "4.8.0"},
      {"", "0.0.0"},        {"4", "4.0.0"},      {"4.6", "4.6.0"},
      {" 1.0.0 ", "1.0.0"}, {"-dev", "0.0.0"},   {"1.2.3+5", "1.2.3"}};
  for (const auto& [text, expected] : cases) {
    const auto version = parse_version(text);
    ASSERT_TRUE(version) << text;
    EXPECT_EQ(version->text(), expected);
  }
}

TEST(FullVersion, OrdersPreReleasesBeforeTheirRelease) {
  const char* rising[] = {"v0.9",           "v1.0.0-1",    "v1.0.0-2",     "v1.0.0-10",     "v1.0.0-alpha",
                          "v1.0.0-alpha.1", "v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0-tip.99", "v1.0.0",
                          "v1.0.1-tip",     "1.2",         "v1.10.0-beta", "v1.10.0",       "v2"};
  for (size_t i = 0; i + 1 < std::size(rising); ++i) {
    const auto low = parse_full_version(rising[i]);
    const auto high = parse_full_version(rising[i + 1]);
    ASSERT_TRUE(low && high) << rising[i];
    EXPECT_LT(*low, *high) << rising[i] << " " << rising[i + 1];
    EXPECT_GT(*high, *low);
  }
}

TEST(FullVersion, TellsReleasesAndDevelopmentBuildsApart) {
  struct Case {
    const char* text;
    bool release, tip;
  };
  const Case cases[] = {{"v4.8.0", true, false},      {"4.8.0+tip", true, false},
                        {"v4.8.0-tip", false, true},  {"v4.8.0-dev.tip-12+g1", false, true},
                        {"v4.8.0-rc1", false, false}, {"v4.8.0-12-gabc", false, false}};
  for (const Case& wanted : cases) {
    const auto version = parse_full_version(wanted.text);
    ASSERT_TRUE(version) << wanted.text;
    EXPECT_EQ(version->is_release(), wanted.release) << wanted.text;
    EXPECT_EQ(version->is_tip(), wanted.tip) << wanted.text;
  }
  EXPECT_EQ(*parse_full_version("v1.2.3+a"), *parse_full_version("1.2.3+b"));
  for (const char* bad : {"", "v", "-tip", "stable", "latest.1", "1.2.3.4"})
    EXPECT_FALSE(parse_full_version(bad)) << bad;
}

TEST(Version, SaysWhichPartIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.2.foo", "Invalid character(s) found in patch number \"foo\""},
      {"a.2.3", "Invalid character(s) found in major number \"a\""},
      {"1.x.3", "Invalid character(s) found in minor number \"x\""},
      {"1.2.3.4", "Invalid character(s) found in patch number \"3.4\""},
      {"1..3", "Invalid character(s) found in minor number \"\""},
      {"99999999999999999999999.0.0",
       "Invalid character(s) found in major number \"99999999999999999999999\""}};
  for (const auto& [text, expected] : cases) {
    const auto version = parse_version(text);
    ASSERT_FALSE(version) << text;
    EXPECT_EQ(version.error().messages.front(), expected);
  }
}

TEST(SortKey, OrdersAsVersionsDo) {
  const std::string huge(400, '9');
  const std::string texts[] = {"0",
                               "v0.9",
                               "1.0.0-1",
                               "v1.0.0-2",
                               "v1.0.0-10",
                               "v1.0.0-010",
                               "v1.0.0-alpha",
                               "v1.0.0-alpha.1",
                               "v1.0.0-alphabet",
                               "v1.0.0-rc.2",
                               "v1.0.0-rc.10",
                               "v1.0.0-rc.x",
                               "v1.0.0-" + huge,
                               "v1.0.0-",
                               "v1.0.0",
                               "1.0.0+build.7",
                               "v1.0.256",
                               "v1.255.0",
                               "v4.9.0",
                               "v4.10.0-beta01.2+g12",
                               "v4.10.0",
                               "4.10",
                               "v300.0.0",
                               "1000000000000.0.0"};
  for (const std::string& a : texts) {
    for (const std::string& b : texts) {
      const auto as_versions = *parse_full_version(a) <=> *parse_full_version(b);
      const auto as_keys = version_sort_key(a) <=> version_sort_key(b);
      EXPECT_EQ(std::is_lt(as_versions), std::is_lt(as_keys)) << a << " " << b;
      EXPECT_EQ(std::is_eq(as_versions), std::is_eq(as_keys)) << a << " " << b;
    }
  }
}

TEST(SortKey, OtherTextsStandBeforeVersions) {
  EXPECT_EQ(version_sort_key(""), "");
  const std::string others[] = {"tip", "stable", "1.2.3.4", "v", " ", "zzz", std::string("v1-a\0b", 6)};
  for (const std::string& text : others) {
    EXPECT_FALSE(version_sort_key(text).empty()) << text;
    EXPECT_LT(version_sort_key(text), version_sort_key("0.0.0-0")) << text;
  }
  EXPECT_NE(version_sort_key("tip"), version_sort_key("stable"));
}

}  // namespace
}  // namespace mullion
