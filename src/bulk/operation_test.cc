#include "bulk/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/members.h"

namespace mullion::bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kMachine =
    R"({"Name":"m","Workflow":"old","Locked":false,"Profiles":["a","b"],"Params":{"x":1,"d/e":2}})";

Operation operation(const std::string& text) { return Operation::parse(model::parse_object(text)); }

struct PlanCase {
  std::string name, what, object;
  std::optional<Outcome> skip;
  std::string request;  // "METHOD suffix body"
  std::string rights;   // "right | instead,instead"
};

class ItemPlans : public ::testing::TestWithParam<PlanCase> {};

TEST_P(ItemPlans, SayWhatIsSentAndWhatItNeeds) {
  const PlanCase& one = GetParam();
  const json::object object = model::parse_object(one.object);
  const ItemPlan plan = plan_item(operation(one.what), one.object.empty() ? nullptr : &object);
  EXPECT_EQ(plan.skip, one.skip);
  if (plan.skip) return;
  EXPECT_EQ(plan.request.method + " " + plan.request.suffix + " " + plan.request.body, one.request);
  std::string rights = plan.right + " |";
  for (const std::string& right : plan.instead) rights += " " + right;
  EXPECT_EQ(rights, one.rights);
}

const std::string kSetWorkflow = R"({"Kind":"set","Fields":{"Workflow":"new"}})";
const std::string kM(kMachine);

INSTANTIATE_TEST_SUITE_P(
    Table, ItemPlans,
    ::testing::Values(
        PlanCase{"Set", kSetWorkflow, kM, std::nullopt,
                 R"(PATCH  [{"op":"add","path":"/Workflow","value":"new"}])", "update | update:/Workflow"},
        PlanCase{"SetForced", R"({"Kind":"set","Fields":{"Workflow":"new"},"Force":true})", kM, std::nullopt,
                 R"(PATCH ?force=true [{"op":"add","path":"/Workflow","value":"new"}])",
                 "update | update:/Workflow"},
        PlanCase{"SetAlreadySo", R"({"Kind":"set","Fields":{"Workflow":"old"}})", kM, Outcome::kAlreadySo, "",
                 ""},
        PlanCase{"SetLocked", kSetWorkflow, R"({"Workflow":"old","Locked":true})", Outcome::kLocked, "", ""},
        PlanCase{"Unlock", R"({"Kind":"set","Fields":{"Locked":false}})", R"({"Locked":true})", std::nullopt,
                 R"(PATCH  [{"op":"add","path":"/Locked","value":false}])", "update | update:/Locked"},
        PlanCase{"PatchWhoseEndNobodyHereKnows", R"({"Patch":[{"op":"remove","path":"/Absent"}]})", kM,
                 std::nullopt, R"(PATCH  [{"op":"remove","path":"/Absent"}])", "update |"},
        PlanCase{"SetParams", R"({"Kind":"set-params","Params":{"d/e":3}})", kM, std::nullopt,
                 R"(PATCH  [{"op":"add","path":"/Params/d~1e","value":3}])", "update | update:/Params/d~1e"},
        PlanCase{"SetParamsAlreadySo", R"({"Kind":"set-params","Params":{"x":1}})", kM, Outcome::kAlreadySo,
                 "", ""},
        PlanCase{"RemoveParams", R"({"Kind":"remove-params","Names":["x","absent"]})", kM, std::nullopt,
                 R"(PATCH  [{"op":"remove","path":"/Params/x"}])", "update | update:/Params/x"},
        PlanCase{"RemoveParamsAlreadySo", R"({"Kind":"remove-params","Names":["absent"]})", kM,
                 Outcome::kAlreadySo, "", ""},
        PlanCase{"AddProfiles", R"({"Kind":"add-profiles","Names":["b","c"]})", kM, std::nullopt,
                 R"(PATCH  [{"op":"test","path":"/Profiles","value":["a","b"]},)"
                 R"({"op":"replace","path":"/Profiles","value":["a","b","c"]}])",
                 "update | update:/Profiles"},
        PlanCase{"AddProfilesAlreadySo", R"({"Kind":"add-profiles","Names":["a"]})", kM, Outcome::kAlreadySo,
                 "", ""},
        PlanCase{"RemoveProfiles", R"({"Kind":"remove-profiles","Names":["a"]})", kM, std::nullopt,
                 R"(PATCH  [{"op":"test","path":"/Profiles","value":["a","b"]},)"
                 R"({"op":"replace","path":"/Profiles","value":["b"]}])",
                 "update | update:/Profiles"},
        PlanCase{"Action", R"({"Kind":"action","Action":"power on","Plugin":"ipmi","Arguments":{"a":1}})", kM,
                 std::nullopt, R"(POST /actions/power%20on?plugin=ipmi {"a":1})", "action:power on |"},
        PlanCase{"Delete", R"({"Kind":"delete"})", kM, std::nullopt, "DELETE  ", "delete |"},
        PlanCase{"DeleteLocked", R"({"Kind":"delete"})", R"({"Locked":true})", Outcome::kLocked, "", ""},
        PlanCase{"DeleteGone", R"({"Kind":"delete"})", "", Outcome::kAlreadySo, "", ""},
        PlanCase{"ChangeGone", kSetWorkflow, "", Outcome::kRefused, "", ""}),
    [](const ::testing::TestParamInfo<PlanCase>& info) { return info.param.name; });

TEST(Operations, TellAfterACrashWhatTheObjectTells) {
  const json::object before = model::parse_object(kMachine);
  json::object after = before;
  after["Workflow"] = "new";
  EXPECT_FALSE(shows_effect(operation(kSetWorkflow), &before));
  EXPECT_TRUE(shows_effect(operation(kSetWorkflow), &after));
  EXPECT_FALSE(shows_effect(operation(kSetWorkflow), nullptr));
  EXPECT_TRUE(shows_effect(operation(R"({"Kind":"delete"})"), nullptr));
  EXPECT_FALSE(shows_effect(operation(R"({"Kind":"action","Action":"a"})"), &after));
}

std::vector<std::string> faults_of(const std::string& what, std::string_view type) {
  return operation(what).faults(*model::find_object_type(type));
}

TEST(Operations, NameTheirFaults) {
  EXPECT_THAT(faults_of(kSetWorkflow, "machines"), IsEmpty());
  EXPECT_THAT(faults_of(R"({"Kind":"paint"})", "machines"), ElementsAre(HasSubstr("What.Kind: paint")));
  EXPECT_THAT(faults_of(R"({"Kind":"set"})", "machines"),
              ElementsAre(HasSubstr("What.Fields: says nothing")));
  EXPECT_THAT(faults_of(R"({"Kind":"set","Fields":{"Werkflow":"x"}})", "machines"),
              ElementsAre(HasSubstr("no field Werkflow")));
  EXPECT_THAT(faults_of(R"({"Kind":"set","Fields":{"ReadOnly":true}})", "machines"),
              ElementsAre(HasSubstr("read-only")));
  EXPECT_THAT(faults_of(R"({"Kind":"set-params","Params":{"a":1}})", "tenants"),
              ElementsAre(HasSubstr("tenants have no parameters")));
  EXPECT_THAT(faults_of(R"({"Kind":"add-profiles","Names":["a"]})", "tenants"),
              ElementsAre(HasSubstr("have no profiles")));
  EXPECT_THAT(faults_of(R"({"Kind":"action"})", "machines"), ElementsAre(HasSubstr("What.Action")));
  EXPECT_THAT(faults_of(R"({"Kind":"action","Action":"start"})", "bulks"),
              ElementsAre(HasSubstr("does not steer bulks")));
  EXPECT_THAT(faults_of(R"({"Patch":[{"op":"add"}]})", "machines"), ElementsAre(HasSubstr("line 0")));
  EXPECT_THAT(faults_of(R"({"Kind":"delete"})", "machines"), IsEmpty());
}

}  // namespace
}  // namespace mullion::bulk
