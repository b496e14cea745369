// What an endpoint told of itself.
#include <gmock/gmock.h>

#include "plan/plan.h"

namespace mullion::plan {
namespace {

model::EndpointState heard(std::string_view told) {
  return model::read_message<model::EndpointState>(told).value();
}

TEST(ObservedTest, FromObjectAndState) {
  const json::object endpoint =
      json::parse(R"({"Id":"e","Arch":"amd64","Os":"linux","DRPVersion":"v1","DRPUXVersion":"v2",
    "Components":[{"Type":"ContentPackage","Name":"a","Version":"v1","ActualVersion":"v1.0"},
                  {"Type":"PluginProvider","Name":"b","Version":"v2"}],
    "Plugins":[{"Name":"p","Provider":"b"}],"Prefs":{"manager":"true"},"Global":{"x":1}})")
          .get_object();
  const model::EndpointState state =
      heard(R"({"files":{"files/a":"ABC"},"prerequisites":{"a":"b: >1"},"auto_start":["b"]})");
  const Observed seen = Observed::parse(endpoint, state);
  EXPECT_TRUE(seen.known && seen.told && seen.manager && seen.files_known && seen.files_complete);
  ASSERT_EQ(seen.components.size(), 2u);
  EXPECT_EQ(seen.components[0].version, "v1.0");
  EXPECT_EQ(seen.components[0].prerequisites, "b: >1");
  EXPECT_EQ(seen.components[1].kind, Kind::kPluginProvider);
  EXPECT_EQ(seen.components[1].version, "v2");
  EXPECT_EQ(seen.files.at("files/a"), "abc");
  EXPECT_TRUE(seen.auto_start.contains("b"));
}

TEST(ObservedTest, AnEndpointMayHaveMoreFilesThanItTells) {
  const model::EndpointState state = heard(R"({"files":{"files/a":"ABC"},"files_incomplete":true})");
  EXPECT_FALSE(Observed::parse({{"Id", "e"}}, state).files_complete);
}

TEST(ObservedTest, AnAttachedEndpointThatOnlySaidItsVersionIsNotKnown) {  // breakage 18
  const Observed seen = Observed::parse({{"Id", "e"}, {"DRPVersion", "v1"}}, {});
  EXPECT_FALSE(seen.known);
  EXPECT_FALSE(seen.told);
  EXPECT_FALSE(seen.files_known);
}

}  // namespace
}  // namespace mullion::plan
