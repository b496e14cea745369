#include "model/prerequisites.h"

#include <gtest/gtest.h>

namespace mullion::model {
namespace {

struct RangeCase {
  const char* range;
  const char* version;
  bool allowed;
};
class Range : public ::testing::TestWithParam<RangeCase> {};
TEST_P(Range, Allows) {
  const auto range = VersionRange::parse(GetParam().range);
  ASSERT_TRUE(range) << GetParam().range << ": " << range.error().text();
  EXPECT_EQ(range->allows(*parse_version(GetParam().version)), GetParam().allowed)
      << GetParam().range << " " << GetParam().version;
}
INSTANTIATE_TEST_SUITE_P(
    Ranges, Range,
    ::testing::Values(RangeCase{"", "0.0.0", true}, RangeCase{">=1.2.3", "1.2.3", true},
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
}  // namespace mullion::model
