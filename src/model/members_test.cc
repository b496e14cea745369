#include "model/members.h"

#include <gtest/gtest.h>

namespace mullion::model {
namespace {

TEST(Members, ACountIsAWholeNumberOrNothing) {
  const boost::json::object object = parse_object(
      R"({"a": 7, "b": 18446744073709551615, "c": 2.0, "d": -1, "e": 1.5, "f": 1e300, "g": "7", "h": null})");
  EXPECT_EQ(count_member(object, "a"), 7U);
  EXPECT_EQ(count_member(object, "b"), UINT64_MAX);
  EXPECT_EQ(count_member(object, "c"), 2U);
  for (const char* name : {"d", "e", "f", "g", "h", "none"})
    EXPECT_EQ(count_member(object, name), 0U) << name;
}

}  // namespace
}  // namespace mullion::model
