#include "model/pointer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::model {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Pointer, PartsAreEscaped) {
  EXPECT_EQ(pointer_part("plain"), "plain");
  EXPECT_EQ(pointer_part("manager/url"), "manager~1url");
  EXPECT_EQ(pointer_part("~/~1"), "~0~1~01");
  EXPECT_EQ(pointer_part(""), "");
}

std::vector<std::string> changed(std::string_view before, std::string_view after) {
  return changed_pointers(json::parse(before).get_object(), json::parse(after).get_object());
}

TEST(Pointer, ChangesAreNamedAsDeepAsBothSidesAreObjects) {
  EXPECT_THAT(changed(R"({"A":1,"B":{"x":{"y":1,"z":2}}})", R"({"A":1,"B":{"x":{"y":3,"z":2}}})"),
              ElementsAre("/B/x/y"));
  EXPECT_THAT(changed(R"({"B":{"x":1}})", R"({"B":2,"C":{"a/b":1}})"), ElementsAre("/B", "/C"));
  EXPECT_THAT(changed(R"({"Params":{"a/b":1,"c":[1]}})", R"({"Params":{"c":[1,2]}})"),
              ElementsAre("/Params/a~1b", "/Params/c"));
  EXPECT_THAT(changed(R"({"LastModifiedAt":"a","Name":"n"})", R"({"LastModifiedAt":"b","Name":"n"})"),
              IsEmpty());
}

}  // namespace
}  // namespace mullion::model
