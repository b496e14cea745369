#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/internal/hooks.h"
#include "model/model_testing.h"

namespace mullion::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Schema, NamesOnlyHooksThatExist) {
  for (const ObjectType& type : object_types()) {
    for (const Rule& rule : type.rules) {
      if (rule.kind != RuleKind::kHook) continue;
      EXPECT_TRUE(internal::hook_exists(rule.rule)) << rule.rule;
    }
  }
}

TEST(Validate, ProductsOfWordsInClaimsAreBounded) {
  std::string words = "*";
  for (int i = 0; i < 3'000; ++i) words += ",*";
  const json::object claim{{"scope", words}, {"action", words}, {"specific", "*"}};
  const json::object wanted{{"Name", "wide"}, {"Claims", json::array{claim, claim}}};
  json::object role = normal("roles", json::serialize(wanted));
  const Verdict verdict = validate(type_of("roles"), role, nullptr, NoLookup(), false);
  ASSERT_EQ(verdict.invalid.size(), 1u);
  EXPECT_EQ(verdict.invalid.front(), "wide: The claims have too many scopes and actions to be checked");
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

class Invalid : public ::testing::TestWithParam<Case> {};

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
    ::testing::Values(
        machine(
            R"("Name":"m1","Stage":"none","BootEnv":"local","Profiles":["jill"],"Tasks":["t1","stage:none"])",
            {}),
        machine(R"("Name":"m1","Tasks":["t1","stage:xx"])", {"Stage xx does not exist"}),
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
    ::testing::Values(
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
        Case{"jobs", R"({"State":"fred"})", {"Invalid State `fred`", "Machine must be set"}},
        Case{"jobs",
             R"({"State":"failed","ExitState":"fred"})",
             {"Invalid ExitState `fred`", "Machine must be set"}},
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
  EXPECT_THAT(verdict.unavailable,
              ElementsAre("s1: Profile nobody (at 0) does not exist", "s1: Task t9 (at 0) does not exist",
                          "s1: BootEnv b9 does not exist"));
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

// -- what has run, and where it runs

FakeLookup task_world() {
  FakeLookup lookup = usual_world();
  lookup.add("tasks", "t2", {{"Available", true}, {"Prerequisites", {"t1"}}});
  lookup.add("tasks", "broken", {{"Available", false}});
  return lookup;
}

constexpr std::string_view kRunning =
    R"({"Name":"m1","Tasks":["t1","stage:none","t1","t2"],"CurrentTask":2,"Stage":"none"})";

struct TaskCase {
  std::string_view patch;  // members that replace those of kRunning
  std::vector<std::string> messages;
};

class RunningMachine : public ::testing::TestWithParam<TaskCase> {};

TEST_P(RunningMachine, KeepsItsHistory) {
  const json::object before = normal("machines", kRunning);
  json::object after = before;
  const json::value patch = json::parse(GetParam().patch);
  for (const auto& [name, value] : patch.as_object()) after[name] = value;
  EXPECT_EQ(validate(type_of("machines"), after, &before, task_world(), false).invalid, GetParam().messages);
}

INSTANTIATE_TEST_SUITE_P(
    Patches, RunningMachine,
    ::testing::Values(
        TaskCase{R"({"CurrentTask":1})", {}}, TaskCase{R"({"CurrentTask":-1})", {}},
        TaskCase{R"({"CurrentTask":3})", {"Cannot advance CurrentTask from 2 to 3 without running jobs"}},
        TaskCase{R"({"CurrentTask":0})", {"Cannot change CurrentTask from 2 to 0 past 1"}},
        TaskCase{R"({"CurrentTask":-2})", {"Cannot change CurrentTask from 2 to -2 past 1"}},
        TaskCase{R"({"Tasks":["t1","stage:none","t1"]})", {}},
        TaskCase{R"({"Tasks":["t1","stage:none","t1","t2","t1"]})", {}},
        TaskCase{R"({"Tasks":["t1","stage:none"]})",
                 {"Cannot remove tasks that have already executed or are already executing"}},
        TaskCase{R"({"Tasks":["t1","stage:none","chroot:/x","t2"]})",
                 {"Cannot change tasks that have already executed or are executing"}},
        TaskCase{R"({"Tasks":["t1","stage:none","t1","stage:nowhere"]})", {"Stage nowhere does not exist"}},
        TaskCase{R"({"Tasks":["t1","stage:none","t1","bootenv:local","t2"]})",
                 {"Task t2 missing prerequisite t1"}},
        TaskCase{R"({"Tasks":["t1","stage:none","t1","broken"]})", {"Task broken (at 3) is not available"}}));

TEST(Validate, NewMachinesHaveTheirListInOrder) {
  const FakeLookup world = task_world();
  EXPECT_THAT(verdict_of("machines", R"({"Name":"m1","Tasks":["t2"]})", world).invalid,
              ElementsAre("Task t2 missing prerequisite t1"));
  EXPECT_THAT(verdict_of("machines", R"({"Name":"m1","Tasks":["t1","t2"],"CurrentTask":2})", world).invalid,
              IsEmpty());
  EXPECT_THAT(verdict_of("machines", R"({"Name":"m1","CurrentTask":1})", world).invalid,
              ElementsAre("Invalid CurrentTask 1: must be between -1 and 0"));
}

TEST(Validate, WhatIsNotAvailableSpreads) {
  FakeLookup lookup = usual_world();
  lookup.add("stages", "bad", {{"Available", false}});
  EXPECT_THAT(verdict_of("stages", R"({"Name":"s1","BootEnv":"broken"})", lookup).unavailable,
              ElementsAre("s1: Stage s1 wants BootEnv broken, which is not available"));
  EXPECT_THAT(
      verdict_of("stages", R"({"Name":"s1","BootEnv":"ignore"})", lookup).unavailable,
      ElementsAre("s1: BootEnv ignore does not allow Machine assignments, it has the OnlyUnknown flag."));
  EXPECT_THAT(verdict_of("workflows", R"({"Name":"w2","Stages":["none","bad","gone"]})", lookup).unavailable,
              ElementsAre("w2: Stage gone does not exist", "w2: Stage bad (at 1) is not available"));
  EXPECT_THAT(
      verdict_of("tasks", R"({"Name":"t2","Templates":[{"Name":"n","ID":"gone"}]})", lookup).unavailable,
      ElementsAre("t2: Template[0]: template gone does not exist"));
}

TEST(Validate, JobsNeedTheirMachineWhenTheyBegin) {
  FakeLookup lookup;
  lookup.add("machines", kKey);
  const std::string text = fmt::format(R"({{"Machine":"{}"}})", kKey);
  EXPECT_THAT(verdict_of("jobs", text, lookup).invalid, IsEmpty());
  EXPECT_THAT(verdict_of("jobs", text).invalid, ElementsAre(fmt::format("Machine {} does not exist", kKey)));
  const json::object before = normal("jobs", text);
  json::object after = before;
  EXPECT_THAT(validate(type_of("jobs"), after, &before, FakeLookup(), false).invalid, IsEmpty());
}

// -- networks

FakeLookup network_world() {
  FakeLookup lookup;
  lookup.add("subnets", "wide", {{"Name", "wide"}, {"Subnet", "10.0.0.0/8"}});
  lookup.add("subnets", "near", {{"Name", "near"}, {"Subnet", "10.1.2.0/24"}});
  lookup.add("subnets", "pair", {{"Name", "pair"}, {"Subnet", "192.0.2.0/31"}});
  const auto reserve = [&](std::string_view address, std::string_view token, bool scoped,
                           std::string_view subnet) {
    json::object taken{{"Addr", address}, {"Token", token}, {"Strategy", "MAC"}};
    taken["Scoped"] = scoped;
    taken["Subnet"] = subnet;
    lookup.add("reservations", std::string(address), std::move(taken));
  };
  reserve("10.1.2.3", "t", true, "near");
  reserve("172.16.0.1", "t", false, "");
  reserve("10.1.2.5", "s", true, "near");
  return lookup;
}

std::vector<std::string> reservation_troubles(std::string_view address, std::string_view token, bool scoped,
                                              std::string* subnet = nullptr) {
  json::object object = normal(
      "reservations",
      fmt::format(R"({{"Addr":"{}","Token":"{}","Strategy":"MAC","Scoped":{}}})", address, token, scoped));
  const Verdict verdict = validate(type_of("reservations"), object, nullptr, network_world(), false);
  if (subnet != nullptr) *subnet = object.at("Subnet").as_string();
  return verdict.invalid;
}

TEST(Validate, ReservationsKnowTheNarrowestSubnet) {
  std::string subnet;
  EXPECT_THAT(reservation_troubles("10.1.2.9", "u", true, &subnet), IsEmpty());
  EXPECT_EQ(subnet, "near");
  EXPECT_THAT(reservation_troubles("10.9.9.9", "u", false, &subnet), IsEmpty());
  EXPECT_EQ(subnet, "wide");
  EXPECT_THAT(reservation_troubles("192.0.2.1", "u", true, &subnet), IsEmpty());
  EXPECT_EQ(subnet, "pair");
}

TEST(Validate, ReservationsStayInTheirScope) {
  EXPECT_THAT(reservation_troubles("198.51.100.1", "u", true),
              ElementsAre("Address 198.51.100.1 is not in a defined Subnet, and Scoped is true."));
  EXPECT_THAT(reservation_troubles("10.1.2.0", "u", false),
              ElementsAre("Address 10.1.2.0 is a network or broadcast address for subnet near"));
  EXPECT_THAT(reservation_troubles("10.1.2.255", "u", true),
              ElementsAre("Address 10.1.2.255 is a network or broadcast address for subnet near"));
}

TEST(Validate, OneReservationForADeviceInAScope) {
  EXPECT_THAT(reservation_troubles("10.1.2.4", "t", true),
              ElementsAre("Reservation 0A010204 in subnet near already has Strategy MAC: Token t"));
  EXPECT_THAT(reservation_troubles("198.51.100.1", "t", false),
              ElementsAre("Unscoped reservation C6336401 already has Strategy MAC: Token t"));
  EXPECT_THAT(reservation_troubles("10.9.9.9", "t", true),
              ElementsAre("Unscoped reservation 0A090909 already has Strategy MAC: Token t"))
      << "one without scope counts in every subnet";
  EXPECT_THAT(reservation_troubles("10.9.9.9", "s", true), IsEmpty()) << "another subnet";
  EXPECT_THAT(reservation_troubles("10.1.2.5", "s", true), IsEmpty()) << "itself";
}

}  // namespace
}  // namespace mullion::model
