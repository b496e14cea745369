#include "cli/documents/version_set_files.h"

#include <gmock/gmock.h>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SetMap sets_of(std::string_view text) {
  SetMap sets;
  const Result<void> added = add_sets(sets, "file.yaml", text);
  EXPECT_TRUE(added) << (added ? "" : added.error().text());
  return sets;
}
std::vector<std::string> faults_of(std::string_view text) {
  SetMap sets;
  const Result<void> added = add_sets(sets, "file.yaml", text);
  return added ? std::vector<std::string>{} : added.error().messages;
}
std::vector<json::object> there(const SetMap& sets) {
  std::vector<json::object> out;
  for (const auto& [id, set] : sets) out.push_back(set);
  return out;
}

constexpr std::string_view kTwoSets = R"(# comment
Id: base
Apply: true
Components:
  - {Name: task-library, Type: CP, Version: stable}
Prefs: {logLevel: warn}
---
Id: site
Global: {ntp/servers: [a, b]}
---
)";

TEST(SetFiles, SeveralDocumentsOneFile) {
  const SetMap sets = sets_of(kTwoSets);
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets.at("base").at("Apply"), true);
  EXPECT_EQ(sets.at("site").at("Global").as_object().at("ntp/servers"), json::array({"a", "b"}));
  EXPECT_EQ(sets_of(R"([{"Id":"one"},{"Id":"two"}])").size(), 2u) << "a list in JSON";
}

TEST(SetFiles, MisspeltMembersAreFaults) {  // breakage 63: Name and Contents are no members
  EXPECT_THAT(faults_of("Id: x\nComponets: []\n"),
              ElementsAre(HasSubstr("file.yaml: x: `Componets` is no member")));
  EXPECT_THAT(faults_of("Name: x\nContents: y\n"),
              Contains(HasSubstr("file.yaml: a set without Id: `Contents`")));
}

TEST(SetFiles, EveryFaultAtOnce) {
  EXPECT_THAT(
      faults_of(
          "Id: a\nComponents: [{Name: p, Type: XX, Version: tip}]\n---\nId: b\nPrefs: {x: [1]}\n---\n- 1\n"),
      ElementsAre(HasSubstr("file.yaml: a: Components[0] (p): Type: `XX`"), HasSubstr("file.yaml: b: "),
                  HasSubstr("file.yaml: b: "), HasSubstr("file.yaml: expected a version set")));
  EXPECT_THAT(faults_of("Id: a\n---\nId: a\n"), ElementsAre("file.yaml: a: is in the files twice"));
  EXPECT_THAT(faults_of("Id: [\n"), ElementsAre(HasSubstr("neither JSON nor YAML")));
}

TEST(SetFiles, WhatOthersExportMayStandWhileItSaysNothing) {
  EXPECT_THAT(faults_of("Id: a\nParams: {}\nType: version_sets\nCreatedAt: '2026-01-01T00:00:00Z'\n"),
              IsEmpty());
  EXPECT_THAT(faults_of("Id: a\nParams: {x: 1}\n"), ElementsAre(HasSubstr("`Params` is no member")));
  EXPECT_THAT(faults_of("Id: a\nType: profiles\n"), ElementsAre(HasSubstr("`Type` is no member")));
  EXPECT_THAT(faults_of("Id: a\nComponets: []\n"), ElementsAre(HasSubstr("`Componets` is no member")));
}

TEST(SetFiles, NumbersWhereTextsAreMeant) {
  const SetMap sets = sets_of("Id: 7\nPrefs: {unknownTokenTimeout: 900}\nGlobal: {x: 900}\nMeta: {a: yes}\n");
  EXPECT_EQ(sets.at("7").at("Prefs"), json::parse(R"({"unknownTokenTimeout":"900"})"));
  EXPECT_EQ(sets.at("7").at("Global"), json::parse(R"({"x":900})"));
  EXPECT_EQ(sets.at("7").at("Meta"), json::parse(R"({"a":"true"})"));
}

TEST(SetFiles, WhatServersComputeMayStand) {
  EXPECT_THAT(
      faults_of(
          R"({"Id":"a","Validated":true,"Available":true,"Errors":[],"Endpoint":"m","ReadOnly":false})"),
      IsEmpty());
}

TEST(SetChangesTest, EqualChangesNothing) {
  const SetMap sets = sets_of(kTwoSets);
  const auto changes = compare_sets(sets, there(sets), true);
  ASSERT_TRUE(changes);
  EXPECT_TRUE(changes->empty());
  EXPECT_THAT(changes->unchanged, ElementsAre("base", "site"));
}

TEST(SetChangesTest, NewChangedAndRemoved) {
  const SetMap wanted = sets_of(kTwoSets);
  const SetMap old = sets_of("Id: site\nGlobal: {ntp/servers: [a], other: 1}\n---\nId: stray\n");
  auto changes = compare_sets(wanted, there(old), false);
  ASSERT_TRUE(changes);
  EXPECT_EQ(changes->created.size(), 1u);
  EXPECT_EQ(changes->changed.size(), 1u);
  EXPECT_THAT(changes->removed, IsEmpty());
  changes = compare_sets(wanted, there(old), true);
  EXPECT_THAT(changes->removed, ElementsAre("stray"));
  const std::string text = changes_text(*changes);
  EXPECT_THAT(text, HasSubstr("+ base\n"));
  EXPECT_THAT(text, HasSubstr("~ site\n    Global.other: 1 -> nothing\n"
                              "    Global.ntp/servers: [\"a\"] -> [\"a\",\"b\"]\n"));
  EXPECT_THAT(text, HasSubstr("- stray\n"));
  EXPECT_THAT(text, HasSubstr("1 new, 1 changed, 1 removed, 0 unchanged"));
}

TEST(SetChangesTest, ListsAreToldByTheNamesOfTheirEntries) {
  const SetMap before = sets_of("Id: s\nComponents: [{Name: a, Version: v1}, {Name: b, Version: v1}]\n");
  const SetMap after = sets_of("Id: s\nComponents: [{Name: a, Version: v2}, {Name: c, Version: v1}]\n");
  const std::string text = changes_text(*compare_sets(after, there(before), false));
  EXPECT_THAT(text, HasSubstr("Components.a.Version: \"v1\" -> \"v2\""));
  EXPECT_THAT(text, HasSubstr("Components.b: {"));
  EXPECT_THAT(text, HasSubstr("Components.c: nothing -> {"));
}

TEST(SetChangesTest, WhatIsNotOursIsNotTouched) {
  std::vector<json::object> list = there(sets_of("Id: pack\n---\nId: above\n---\nId: mine\n"));
  list[0]["Meta"] = {{"mullion/from", "M1"}};
  list[2]["ReadOnly"] = true;
  list[2]["Bundle"] = "demo";
  const auto changes =
      compare_sets(sets_of("Id: pack\nApply: true\n---\nId: above\nApply: true\n"), list, true);
  ASSERT_TRUE(changes);
  EXPECT_THAT(changes->refused,
              ElementsAre("above differs and cannot be changed: manager M1 put it here",
                          "pack differs and cannot be changed: it belongs to content pack demo"));
  EXPECT_THAT(changes->removed, ElementsAre("mine"));
}

TEST(SetFiles, OfADirectory) {
  const testing::FakeTerminal fake;
  const auto put = [&](const std::string& name) { std::ofstream(fake.home / name) << "Id: x\n"; };
  std::filesystem::create_directories(fake.home / "deep/.git");
  for (const char* name : {"b.yaml", "a.yml", "deep/c.json", "notes.txt", ".hidden.yaml", "deep/.git/d.yaml"})
    put(name);
  const auto files = set_files(fake.home);
  ASSERT_TRUE(files);
  EXPECT_THAT(*files, ElementsAre(fake.home / "a.yml", fake.home / "b.yaml", fake.home / "deep/c.json"));
  EXPECT_FALSE(set_files(fake.home / "nowhere"));
}

TEST(SetFiles, WhatCannotBeSeenIsAFault) {
  const testing::FakeTerminal fake;
  const auto folder = fake.home / "sets";
  std::filesystem::create_directories(folder / "real");
  std::filesystem::create_directories(fake.home / "elsewhere");
  std::ofstream(fake.home / "elsewhere/there.yaml") << "Id: x\n";
  const auto with_link = [&](const char* name, const std::filesystem::path& to) {
    std::filesystem::create_symlink(to, folder / name);
    const auto files = set_files(folder);
    std::filesystem::remove(folder / name);
    return files ? std::vector<std::string>{} : files.error().messages;
  };
  EXPECT_THAT(with_link("b.yaml", "/not/checked/out/b.yaml"),
              ElementsAre(HasSubstr("b.yaml: is a link to what is not")));
  EXPECT_THAT(with_link("submodule", "/not/checked/out"),
              ElementsAre(HasSubstr("submodule: is a link to what is not")));
  EXPECT_THAT(with_link("linked", "../elsewhere"), ElementsAre(HasSubstr("linked: is a link to a folder")));
  EXPECT_THAT(with_link("real/up", ".."), ElementsAre(HasSubstr("up: is a link to a folder")));
  EXPECT_THAT(with_link("pipe.yaml", "/dev/null"), ElementsAre(HasSubstr("pipe.yaml: is no regular file")));
  EXPECT_THAT(with_link("good.yaml", "../elsewhere/there.yaml"), IsEmpty())
      << "a link to a file is that file";
  EXPECT_THAT(with_link(".lock", "user@host"), IsEmpty()) << "hidden ones are nobody's sets";
}

}  // namespace
}  // namespace mullion::cli
