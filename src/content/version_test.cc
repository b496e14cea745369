#include "content/version.h"

#include <gtest/gtest.h>

namespace mullion::content {
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
  const char* rising[] = {"v0.9",          "v1.0.0-1",       "v1.0.0-2",   "v1.0.0-10",
                          "v1.0.0-alpha",  "v1.0.0-alpha.1", "v1.0.0-rc.2", "v1.0.0-rc.10",
                          "v1.0.0-tip.99", "v1.0.0",         "v1.0.1-tip", "1.2",
                          "v1.10.0-beta",  "v1.10.0",        "v2"};
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

struct RangeCase {
  const char* range;
  const char* version;
  bool allowed;
};
class Range : public testing::TestWithParam<RangeCase> {};
TEST_P(Range, Allows) {
  const auto range = VersionRange::parse(GetParam().range);
  ASSERT_TRUE(range) << GetParam().range << ": " << range.error().text();
  EXPECT_EQ(range->allows(*parse_version(GetParam().version)), GetParam().allowed)
      << GetParam().range << " " << GetParam().version;
}
INSTANTIATE_TEST_SUITE_P(
    Ranges, Range,
    testing::Values(RangeCase{"", "0.0.0", true}, RangeCase{">=1.2.3", "1.2.3", true},
                    RangeCase{">=1.2.3", "1.2.2", false}, RangeCase{">1.2.3", "1.2.3", false},
                    RangeCase{">1.2.3", "1.2.4", true}, RangeCase{"<2.0.0", "1.9.9", true},
                    RangeCase{"<2.0.0", "2.0.0", false}, RangeCase{"<=2.0.0", "2.0.0", true},
                    RangeCase{"=1.0.0", "1.0.0", true}, RangeCase{"==1.0.0", "1.0.1", false},
                    RangeCase{"1.0.0", "1.0.0", true}, RangeCase{"!1.0.0", "1.0.0", false},
                    RangeCase{"!=1.0.0", "1.0.1", true}, RangeCase{">=1.0.0 <2.0.0", "1.5.0", true},
                    RangeCase{">=1.0.0 <2.0.0", "2.0.0", false},
                    RangeCase{"<1.0.0 || >=3.0.0", "2.0.0", false},
                    RangeCase{"<1.0.0 || >=3.0.0", "3.1.0", true}, RangeCase{">=3.12.x", "3.12.0", true},
                    RangeCase{">=3.12.x", "3.11.9", false}, RangeCase{">3.12.x", "3.12.9", false},
                    RangeCase{">3.12.x", "3.13.0", true}, RangeCase{"<3.12.x", "3.12.0", false},
                    RangeCase{"<=3.12.x", "3.12.9", true}, RangeCase{"<=3.12.x", "3.13.0", false},
                    RangeCase{"3.12.x", "3.12.7", true}, RangeCase{"3.12.x", "3.13.0", false},
                    RangeCase{"3.x", "3.99.1", true}, RangeCase{"3.x.x", "4.0.0", false},
                    RangeCase{"!3.12.x", "3.12.5", false}, RangeCase{"x", "9.9.9", true},
                    RangeCase{">= 1.2.0", "1.2.0", true}, RangeCase{">=v4.0.0", "4.1.0", true},
                    RangeCase{">=4.0.0-beta", "4.0.0", true}));

TEST(Range, RefusesNonsense) {
  for (const char* text : {"~1.0", ">=", "<>1.0.0", "|| 1.0.0", "1.0.0 ||", ">=1.0.foo", "=>1.0.0"}) {
    EXPECT_FALSE(VersionRange::parse(text)) << text;
  }
}

TEST(Prerequisites, Parse) {
  const auto list = parse_prerequisites(" BasicStore , drp-community-content: >=4.0.0 <5.0.0, ");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].name, "BasicStore");
  EXPECT_TRUE((*list)[0].range.allows({}));
  EXPECT_EQ((*list)[1].name, "drp-community-content");
  EXPECT_FALSE((*list)[1].range.allows({5, 0, 0}));
  EXPECT_TRUE(parse_prerequisites("")->empty());
  EXPECT_FALSE(parse_prerequisites(": >=1.0.0"));
  EXPECT_EQ(parse_prerequisites("a: >=foo").error().messages.front(),
            "a: Invalid character(s) found in major number \"foo\"");
}

}  // namespace
}  // namespace mullion::content
