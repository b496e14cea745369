#include "model/messages.h"

#include <gtest/gtest.h>

namespace mullion::model {
namespace {

TEST(Messages, AreReadAsTheyAreWritten) {
  EndpointState state;
  EXPECT_EQ(message_text(state), "{}");
  state.info = EndpointInfo{.id = "a", .manager = true, .rest = {{"features", json::array{"x"}}}};
  state.components = {{"ContentPackage", "c", "v1", "v1", {}}};
  state.prefs = std::map<std::string, std::string>{{"p", "1"}};
  state.global = json::object{{"g", json::array{1, nullptr}}};
  state.plugins = {{{"Name", "p"}}};
  state.auto_start = {"p"};
  state.files = std::map<std::string, std::string>{{"files/a", "00"}};
  state.files_incomplete = false;
  state.licence = json::value(7);
  state.configured_by = "";
  const std::string text = message_text(state);
  EXPECT_EQ(text,
            R"({"info":{"id":"a","manager":true,"features":["x"]},)"
            R"("components":[{"Type":"ContentPackage","Name":"c","Version":"v1","ActualVersion":"v1"}],)"
            R"("prefs":{"p":"1"},"global":{"g":[1,null]},"plugins":[{"Name":"p"}],"auto_start":["p"],)"
            R"("files":{"files/a":"00"},"files_incomplete":false,"licence":7,"configured_by":""})");
  EXPECT_EQ(read_message<EndpointState>(text).value(), state);
}

TEST(Messages, WhatIsOfAnotherKindIsNotThere) {
  const EndpointState told =
      read_message<EndpointState>(R"({"info":[],"components":{},"prefs":{"a":1,"b":"2"},"global":"x",
        "plugins":[1,{"Name":"p"},null],"auto_start":"p","files":[],"files_incomplete":"true","unknown":1})")
          .value();
  EXPECT_FALSE(told.info || told.components || told.global || told.auto_start || told.files ||
               told.files_incomplete);
  EXPECT_EQ(told.prefs, (std::map<std::string, std::string>{{"b", "2"}}));
  EXPECT_EQ(told.plugins, (std::vector<json::object>{{{"Name", "p"}}}));
  EXPECT_EQ(message_text(told), R"({"prefs":{"b":"2"},"plugins":[{"Name":"p"}]})");
  for (const std::string_view text : {"", "[]", "null", "{", "7"})
    EXPECT_EQ(read_message<EndpointState>(text).error().code, ErrorCode::kBadRequest) << text;
}

TEST(Messages, WhatIsRequiredIsWrittenInAnyCase) {
  const EndpointComponent component =
      read_message<EndpointComponent>(R"({"Name":1,"Version":"v","Age":3})").value();
  EXPECT_EQ(component.version, "v");
  EXPECT_EQ(message_text(component), R"({"Type":"","Name":"","Version":"v","Age":3})");
}

}  // namespace
}  // namespace mullion::model
