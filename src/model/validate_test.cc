#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/internal/hooks.h"
#include "model/model_testing.h"

namespace mullion::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Schema, NamesOnlyHooksThatExist) {
  for (const ObjectType& type : object_types()) {
    for (const Rule& rule : type.rules) {
      if (rule.kind == RuleKind::kHook) EXPECT_TRUE(internal::hook_exists(rule.rule)) << rule.rule;
    }
  }
}

/// What a fresh endpoint has.
FakeLookup usual_world() {
  FakeLookup lookup;
  lookup.add("stages", "none");
  lookup.add("bootenvs", "local");
  lookup.add("bootenvs", "ignore", {{"Available", true}, {"OnlyUnknown", true}});
  lookup.add("bootenvs", "broken", {{"Available", false}});
  lookup.add("profiles", "jill");
  lookup.add("tasks", "t1");
  lookup.add("workflows", "w1", {{"Available", false}});
  return lookup;
}

Verdict verdict_of(std::string_view prefix, std::string_view text, const FakeLookup& lookup = usual_world()) {
  json::object object = normal(prefix, text);
  return validate(type_of(prefix), object, nullptr, lookup, false);
}

struct Case {
  std::string_view prefix, text;
  std::vector<std::string> messages;
};

class Invalid : public testing::TestWithParam<Case> {};

TEST_P(Invalid, SaysWhy) {
  EXPECT_EQ(verdict_of(GetParam().prefix, GetParam().text).invalid, GetParam().messages);
}

constexpr const char* kKey = "01234567-89ab-cdef-0123-456789abcdef";

Case machine(std::string_view members, std::vector<std::string> messages) {
  static std::vector<std::unique_ptr<std::string>> texts;
  texts.push_back(std::make_unique<std::string>(fmt::format("{{\"Uuid\":\"{}\",{}}}", kKey, members)));
  for (std::string& message : messages) {
    if (message.starts_with("KEY")) message.replace(0, 3, kKey);
  }
  return {"machines", *texts.back(), std::move(messages)};
}

INSTANTIATE_TEST_SUITE_P(
    Machines, Invalid,
    testing::Values(
        machine(
            R"("Name":"m1","Stage":"none","BootEnv":"local","Profiles":["jill"],"Tasks":["t1","stage:xx"])",
            {}),
        machine(R"("Name":"x")", {"KEY: Invalid Name `x`"}),
        machine(R"("Name":"a!b")", {"KEY: Invalid Name `a!b`"}), machine(R"("Name":"a b")", {}),
        machine(R"("Name":"m1","Profiles":["foo"])", {"KEY: Profile foo (at 0) does not exist"}),
        machine(R"("Name":"m1","Profiles":["jill","jill"])", {"KEY: Duplicate profile jill: at 0 and 1"}),
        machine(R"("Name":"m1","Tasks":["foo"])", {"KEY: Task foo (at 0) does not exist"}),
        machine(R"("Name":"m1","Tasks":["action:p:a","chroot:/x","context:","bootenv:local"])", {}),
        machine(R"("Name":"m1","Tasks":["action:"])", {"KEY: Invalid Task: action:"}),
        machine(R"("Name":"m1","Stage":"baz","BootEnv":"bar")",
                {"Stage baz does not exist", "Bootenv bar does not exist"}),
        machine(R"("Name":"m1","BootEnv":"broken")", {"BootEnv broken is not available"}),
        machine(R"("Name":"m1","BootEnv":"ignore")",
                {"BootEnv ignore does not allow Machine assignments, it has the OnlyUnknown flag."}),
        machine(R"("Name":"m1","Workflow":"w1")",
                {fmt::format("Machine {} wants Workflow w1, which is not available", kKey)}),
        machine(R"("Name":"m1","Arch":"x86_64")", {"KEY: Please use amd64 for Arch instead of x86_64"}),
        machine(R"("Name":"m1","Arch":"z80")", {"KEY: Unsupported arch z80"}),
        machine(R"("Name":"m1","HardwareAddrs":["aa:bb:cc:dd:ee:ff","fred"])",
                {"KEY: Invalid Hardware Address `fred`: wrong length"}),
        machine(R"("Name":"m1","PoolStatus":"Odd")", {"KEY: Invalid PoolStatus `Odd`"})));

INSTANTIATE_TEST_SUITE_P(
    Others, Invalid,
    testing::Values(
        Case{"params",
             R"({"Name":"a/b","Schema":{"type":"string","default":false}})",
             {"a/b: Error in default value: (root): Invalid type. Expected: string, given: boolean"}},
        Case{"params", R"({"Name":"ok","Schema":{"type":"string","default":"x"}})", {}},
        Case{"params", R"({"Name":"ok","Schema":5})", {"ok: Schema must be an object"}},
        Case{"params", R"({"Name":"1x"})", {"1x: Invalid Name `1x`"}},
        Case{"roles",
             R"({"Name":"r1","Claims":[{"scope":"bar","action":"list","specific":"*"}]})",
             {"r1: No such scope 'bar'"}},
        Case{"roles",
             R"({"Name":"r1","Claims":[{"scope":"machines","action":"bar","specific":"*"}]})",
             {"r1: No such action 'bar'"}},
        Case{
            "roles",
            R"({"Name":"r1","Claims":[{"scope":"machines, jobs","action":"get,update:/Params/x,action:go"}]})",
            {}},
        Case{
            "roles",
            R"({"Name":"r1","Claims":[{"scope":"profiles","action":"getSecure"},{"scope":"*","action":"*"}]})",
            {}},
        Case{"roles",
             R"({"Name":"r1","Claims":[{"scope":"tasks","action":"getSecure"}]})",
             {"r1: No such action 'getSecure'"}},
        Case{"roles", R"({"Name":"r1","Claims":[{}]})", {"r1: No such scope ''", "r1: No such action ''"}},
        Case{"tasks",
             R"({"Name":"t2","Templates":[{"Name":"n1","Contents":"x","Meta":{"OS":"linux,beos"}}]})",
             {"t2: Template[0]: Invalid OS value beos",
              "t2: Valid values are: any,darwin,esxi,freebsd,linux,netbsd,openbsd,solaris,windows"}},
        Case{
            "tasks",
            R"({"Name":"t2","Templates":[{"Name":"t1","Contents":"x"},{"Name":"t2","Contents":"x","Meta":{"OS":"any"}}]})",
            {"t2: Cannot mix templates with OS metadata and templates without OS metadata",
             "t2: Template[0] t1 is missing OS metadata", "t2: Template[1] t2 has OS metadata any"}},
        Case{"stages",
             R"({"Name":"s1","Tasks":["x:y"],"BootEnv":"!"})",
             {"s1: Invalid BootEnv `!`", "s1: Invalid Task: x:y"}},
        Case{"jobs", R"({"State":"fred"})", {"Invalid State `fred`"}},
        Case{"jobs", R"({"State":"failed","ExitState":"fred"})", {"Invalid ExitState `fred`"}},
        Case{"users", R"({"Name":"a@b.c"})", {}},
        Case{"templates", R"({"ID":"!!"})", {"!!: Invalid ID `!!`"}},
        Case{"endpoints", R"({"Id":"a:b"})", {}},
        Case{"endpoints", R"({"Id":"a/b"})", {"a/b: Invalid Id `a/b`"}},
        Case{"tenants", R"({"Name":"t1","Members":{"cows":[]}})", {"t1: No such object type 'cows'"}},
        Case{"plugins", R"({"Name":"p1","Provider":"pp","Params":{"9":1}})", {"p1: Invalid Param Name `9`"}},
        Case{"bootenvs",
             R"({"Name":"b1","Loaders":{"z80":"x"},"OS":{"SupportedArchitectures":{"z80":{}}}})",
             {"b1: Invalid Loader `z80`", "b1: Unsupported arch z80"}},
        Case{"reservations",
             R"({"Addr":"224.0.0.1","Token":"x","Strategy":"MAC"})",
             {"E0000001: Invalid Address: 224.0.0.1"}},
        Case{"subnets",
             R"({"Name":"net","Subnet":"fred"})",
             {"net: Invalid subnet fred: invalid CIDR address: fred"}},
        Case{
            "subnets",
            R"({"Name":"net","Subnet":"10.0.0.0/24","ActiveStart":"10.0.0.5","ActiveEnd":"10.0.0.9","Pickers":["odd"]})",
            {"net: Invalid Picker `odd`"}}));

TEST(Validate, SetsTheFlags) {
  json::object stage =
      normal("stages", R"({"Name":"s1","Profiles":["nobody"],"Tasks":["t9"],"BootEnv":"b9"})");
  const Verdict verdict = validate(type_of("stages"), stage, nullptr, usual_world(), false);
  EXPECT_THAT(verdict.invalid, IsEmpty());
  EXPECT_THAT(verdict.unavailable, ElementsAre("Profile nobody (at 0) does not exist",
                                               "Task t9 (at 0) does not exist", "BootEnv b9 does not exist"));
  EXPECT_EQ(stage.at("Validated"), true);
  EXPECT_EQ(stage.at("Available"), false);
  EXPECT_EQ(stage.at("Errors").as_array().size(), 3u);
}

TEST(Validate, MachinesMayStayWhereTheyAre) {
  const json::object before = normal("machines", R"({"Name":"m1","BootEnv":"broken"})");
  json::object after = before;
  after["Description"] = "new";
  const Verdict verdict = validate(type_of("machines"), after, &before, usual_world(), false);
  EXPECT_THAT(verdict.invalid, IsEmpty());
  EXPECT_THAT(verdict.unavailable, ElementsAre("BootEnv broken is not available"));
}

TEST(Validate, PendingTasksHoldTheStage) {
  const json::object before = normal("machines", R"({"Name":"m1","Tasks":["t1"],"CurrentTask":0})");
  json::object after = before;
  after["Stage"] = "none";
  EXPECT_THAT(validate(type_of("machines"), after, &before, usual_world(), false).invalid,
              ElementsAre("Can not change stages with pending tasks unless forced"));
  EXPECT_THAT(validate(type_of("machines"), after, &before, usual_world(), true).invalid, IsEmpty());
}

TEST(Validate, SubnetsKeepTheirRange) {
  const std::string_view text =
      R"({"Name":"net","Subnet":"10.0.0.0/24","ActiveStart":"10.0.0.5","ActiveEnd":"10.0.0.9"})";
  const json::object before = normal("subnets", text);
  json::object after = before;
  after["Subnet"] = "10.0.0.0/16";
  after["Strategy"] = "Other";
  EXPECT_THAT(validate(type_of("subnets"), after, &before, usual_world(), false).invalid,
              ElementsAre("Strategy cannot change", "Subnet range cannot change"));
}

TEST(Validate, FindsCyclesOfPrerequisites) {
  FakeLookup lookup;
  lookup.add("tasks", "badbar", {{"Prerequisites", {"badfoo"}}});
  lookup.add("tasks", "badbaz", {{"Prerequisites", {"badbar"}}});
  const Verdict verdict = verdict_of("tasks", R"({"Name":"badfoo","Prerequisites":["badbaz"]})", lookup);
  EXPECT_THAT(verdict.invalid,
              ElementsAre("Task badfoo depends on itself!", "badfoo: badbaz: badbar: badfoo (cycle at 0)"));
}

}  // namespace
}  // namespace mullion::model
