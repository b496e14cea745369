// The rule of contract manager.md section 4: fold from last to first, the one that comes later in the fold
// wins.
#include "versionset/merge.h"

#include <gmock/gmock.h>

#include "versionset/sources.h"
#include "versionset/versionset_testing.h"

namespace mullion::versionset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

VersionSet parsed(std::string_view body) {
  Result<VersionSet> set = VersionSet::parse(body);
  EXPECT_TRUE(set) << (set ? "" : set.error().text());
  return set ? *set : VersionSet{};
}

Wanted merged(const std::vector<VersionSet>& sets) {
  std::vector<const VersionSet*> pointers;
  for (const VersionSet& set : sets) pointers.push_back(&set);
  return merge(pointers);
}

TEST(Merge, FirstOfTheListWinsPerKey) {
  const VersionSet site = parsed(R"({"Id":"site","Apply":true,"DRPVersion":"v4.2.0","Prefs":{"a":"site"},
    "Components":[{"Name":"pack","Type":"CP","Version":"tip"}]})");
  const VersionSet base = parsed(R"({"Id":"base","Apply":true,"DRPVersion":"stable","DRPUXVersion":"stable",
    "Prefs":{"a":"base","b":"base"},"Global":{"g":1},
    "Components":[{"Name":"other","Type":"PP","Version":"stable"},{"Name":"pack","Type":"CP","Version":"stable"}]})");
  const Wanted wanted = merged({site, base});
  EXPECT_THAT(wanted.sets, ElementsAre("site", "base"));
  EXPECT_EQ(wanted.drp_version->value, "v4.2.0");
  EXPECT_THAT(wanted.drp_version->from.shadows, ElementsAre("base"));
  EXPECT_EQ(wanted.drpux_version->value, "stable") << "an empty version says nothing";
  EXPECT_EQ(wanted.prefs.at("a").value, "site");
  EXPECT_EQ(wanted.prefs.at("b").value, "base");
  EXPECT_EQ(wanted.prefs.at("b").from.set, "base");
  EXPECT_EQ(wanted.global.at("g").value, 1);
  ASSERT_EQ(wanted.components.size(), 2u);
  EXPECT_EQ(wanted.components[0].value.name, "other") << "replaced in place, in the order of the fold";
  EXPECT_EQ(wanted.components[1].value.version, "tip");
  EXPECT_EQ(wanted.components[1].from.set, "site");
  EXPECT_THAT(wanted.components[1].from.shadows, ElementsAre("base"));
}

TEST(Merge, ComponentsAreOneByNameWhateverTheirType) {
  const Wanted wanted = merged(
      {parsed(R"({"Id":"a","Components":[{"Name":"x","Type":"PluginProvider","Version":"stable"}]})"),
       parsed(R"({"Id":"b","Components":[{"Name":"x","Type":"ContentPackage","Version":"stable"}]})")});
  ASSERT_EQ(wanted.components.size(), 1u);
  EXPECT_EQ(wanted.components[0].value.kind, Kind::kPluginProvider);
}

TEST(Merge, IgnoreWinsLikeAnyVersion) {
  const VersionSet ignore =
      parsed(R"({"Id":"a","Components":[{"Name":"x","Type":"CP","Version":"ignore"}]})");
  const VersionSet pinned =
      parsed(R"({"Id":"b","Components":[{"Name":"x","Type":"CP","Version":"v1.0.0"}]})");
  EXPECT_TRUE(merged({ignore, pinned}).components[0].value.ignored());
  EXPECT_FALSE(merged({pinned, ignore}).components[0].value.ignored());
}

TEST(Merge, FilesByPathPluginsByName) {
  const VersionSet a = parsed(R"({"Id":"a","Files":[{"Path":"files/f","Source":"self://files/a"}],
    "Plugins":[{"Name":"p","Provider":"one"}]})");
  const VersionSet b =
      parsed(R"({"Id":"b","Files":[{"Path":"files/f","Source":"self://files/b","Explode":true}],
    "Plugins":[{"Name":"p","Provider":"two"},{"Name":"q","Provider":"two"}]})");
  const Wanted wanted = merged({a, b});
  ASSERT_EQ(wanted.files.size(), 1u);
  EXPECT_EQ(wanted.files[0].value.source, "self://files/a");
  EXPECT_FALSE(wanted.files[0].value.explode) << "the entry is taken as a whole";
  ASSERT_EQ(wanted.plugins.size(), 2u);
  EXPECT_EQ(wanted.plugins[0].value.at("Provider"), "one");
}

TEST(Merge, ApplyOnlyWhenEverySetSaysSo) {
  const VersionSet yes = parsed(R"({"Id":"yes","Apply":true})");
  const VersionSet no = parsed(R"({"Id":"no"})");
  EXPECT_TRUE(merged({}).apply);
  EXPECT_TRUE(merged({yes, yes}).apply);
  EXPECT_FALSE(merged({yes, no}).apply);
  EXPECT_FALSE(merged({no, yes}).apply);
}

TEST(Merge, ShadowsAreOnlyThoseThatSayOtherwise) {
  const Wanted wanted =
      merged({parsed(R"({"Id":"a","Prefs":{"p":"1"}})"), parsed(R"({"Id":"b","Prefs":{"p":"1"}})"),
              parsed(R"({"Id":"c","Prefs":{"p":"2"}})"), parsed(R"({"Id":"d","Prefs":{"p":"3"}})")});
  EXPECT_THAT(wanted.prefs.at("p").from.shadows, ElementsAre("c", "d"));
}

/// A.Merge(B) as the contract tells it, over plain sets.
VersionSet naive_merge(VersionSet a, const VersionSet& b) {
  a.apply = a.apply && b.apply;
  if (!b.drp_version.empty()) a.drp_version = b.drp_version;
  if (!b.drpux_version.empty()) a.drpux_version = b.drpux_version;
  const auto take = [](auto& list, const auto& more, const auto& same) {
    for (const auto& entry : more) {
      const auto found = std::ranges::find_if(list, [&](const auto& old) { return same(old, entry); });
      if (found == list.end()) {
        list.push_back(entry);
      } else {
        *found = entry;
      }
    }
  };
  take(a.components, b.components, [](const Component& x, const Component& y) { return x.name == y.name; });
  take(a.plugins, b.plugins,
       [](const json::object& x, const json::object& y) { return x.at("Name") == y.at("Name"); });
  take(a.files, b.files, [](const FileWish& x, const FileWish& y) { return x.path == y.path; });
  for (const auto& [name, value] : b.prefs) a.prefs[name] = value;
  for (const auto& [name, value] : b.global) a.global[name] = value;
  return a;
}

template <typename Value>
std::vector<Value> values_of(const std::vector<Sourced<Value>>& list) {
  std::vector<Value> out;
  for (const Sourced<Value>& entry : list) out.push_back(entry.value);
  return out;
}
template <typename Value>
std::map<std::string, Value> values_of(const std::map<std::string, Sourced<Value>>& map) {
  std::map<std::string, Value> out;
  for (const auto& [name, entry] : map) out.emplace(name, entry.value);
  return out;
}

void expect_equal(const Wanted& wanted, const VersionSet& folded) {
  EXPECT_EQ(wanted.apply, folded.apply);
  EXPECT_EQ(wanted.drp_version ? wanted.drp_version->value : "", folded.drp_version);
  EXPECT_EQ(wanted.drpux_version ? wanted.drpux_version->value : "", folded.drpux_version);
  EXPECT_EQ(values_of(wanted.components), folded.components);
  EXPECT_EQ(values_of(wanted.plugins), folded.plugins);
  EXPECT_EQ(values_of(wanted.prefs), folded.prefs);
  EXPECT_EQ(values_of(wanted.global), folded.global);
  EXPECT_EQ(values_of(wanted.files), folded.files);
}

std::vector<VersionSet> random_sets(env::Dice& dice) {
  std::vector<VersionSet> sets;
  const size_t count = dice.below(6);
  for (size_t i = 0; i < count; ++i) sets.push_back(random_set(dice, fmt::format("set{}", i)));
  return sets;
}

TEST(MergeProperty, EqualsTheFoldWrittenNaively) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    env::Dice dice(seed);
    const std::vector<VersionSet> sets = random_sets(dice);
    VersionSet folded;
    folded.apply = true;
    for (size_t i = sets.size(); i-- > 0;) folded = naive_merge(std::move(folded), sets[i]);
    expect_equal(merged(sets), folded);
  }
}

TEST(MergeProperty, FirstWinsAndSaysWhom) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    env::Dice dice(seed);
    const std::vector<VersionSet> sets = random_sets(dice);
    for (const auto& [name, entry] : merged(sets).prefs) {
      const auto first =
          std::ranges::find_if(sets, [&](const VersionSet& set) { return set.prefs.contains(name); });
      ASSERT_NE(first, sets.end());
      EXPECT_EQ(entry.value, first->prefs.at(name));
      EXPECT_EQ(entry.from.set, first->id);
      std::vector<std::string> shadows;
      for (auto set = first + 1; set != sets.end(); ++set) {
        if (set->prefs.contains(name) && set->prefs.at(name) != entry.value) shadows.push_back(set->id);
      }
      EXPECT_EQ(entry.from.shadows, shadows);
    }
  }
}

TEST(MergeProperty, AnEmptySetChangesNothing) {
  VersionSet empty;
  empty.id = "empty";
  empty.apply = true;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    env::Dice dice(seed);
    std::vector<VersionSet> sets = random_sets(dice);
    Wanted before = merged(sets);
    sets.insert(sets.begin() + static_cast<std::ptrdiff_t>(dice.below(sets.size() + 1)), empty);
    Wanted after = merged(sets);
    before.sets.clear();
    after.sets.clear();
    EXPECT_EQ(before, after) << "seed " << seed;
  }
}

TEST(ParseSet, ShortAndLongWordsAndNoWordAtAll) {
  const VersionSet set = parsed(R"({"Id":"s","Components":[{"Name":"a","Type":"CP","Version":"tip"},
    {"Name":"b","Type":"ContentPackage","Version":"tip"},{"Name":"c","Type":"PP","Version":"tip"},
    {"Name":"d","Type":"PluginProvider","Version":"tip"},{"Name":"e","Version":"tip","ReplaceWritable":true}]})");
  ASSERT_EQ(set.components.size(), 5u);
  EXPECT_EQ(set.components[0].kind, Kind::kContentPackage);
  EXPECT_EQ(set.components[1].kind, Kind::kContentPackage);
  EXPECT_EQ(set.components[2].kind, Kind::kPluginProvider);
  EXPECT_EQ(set.components[3].kind, Kind::kPluginProvider);
  EXPECT_EQ(set.components[4].kind, std::nullopt);
  EXPECT_TRUE(set.components[4].replace_writable);
}

TEST(ParseSet, EveryFaultAtOnceByItsPlace) {
  const Result<VersionSet> set = VersionSet::parse(R"({"Id":"bad","DRPVersion":5,
    "Components":[{"Name":"a","Type":"CPX","Version":"tip"},{"Type":"CP","Version":"tip"},{"Name":"a"},7],
    "Plugins":[{"Name":"p"}],
    "Files":[{"Path":"etc/passwd","Sha256Sum":"xyz","Source":"ftp://x"},{"Path":"files/../x","Source":"https://h/x"}],
    "Prefs":{"n":1},"Global":[]})");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().status(), 422);
  EXPECT_THAT(
      set.error().messages,
      ElementsAre("DRPVersion: expected a string", HasSubstr("Components[0] (a): Type: `CPX` is no type"),
                  "Components[1]: Name is missing", "Components[2] (a): is in the list twice",
                  HasSubstr("Components[2] (a): Version is missing"), "Components[3]: expected an object",
                  "Plugins[0] (p): Provider is missing",
                  HasSubstr("Files[0] (etc/passwd): Path: `etc/passwd`"), HasSubstr("Sha256Sum: expected 64"),
                  HasSubstr("Source: `ftp://x` is none of"), HasSubstr("Files[1] (files/../x): Path"),
                  HasSubstr("Files[1] (files/../x): Sha256Sum is missing"), "Prefs.n: expected a string",
                  "Global: expected an object"));
}

TEST(ParseSet, NoFilesWhereServersKeepTheirOwn) {
  const auto fault_of = [](std::string_view path) {
    const Result<VersionSet> set = VersionSet::parse(fmt::format(
        R"({{"Id":"s","Files":[{{"Path":"{}","Source":"self://files/rebar-catalog/x/v1"}}]}})", path));
    return set ? std::string() : set.error().messages.front();
  };
  EXPECT_THAT(fault_of("files/rebar-catalog/x/v1"), HasSubstr("is below files/rebar-catalog/"));
  EXPECT_THAT(fault_of(fmt::format("files/{}files/x", travelled_tree("M"))),
              HasSubstr("is below files/travelled/"));
  EXPECT_EQ(fault_of("files/rebar-catalogs/x"), "");
  EXPECT_EQ(fault_of("isos/travelled/x"), "") << "as a source both are fine";
}

/// A set is shown and replicated as it is written: it must not hold what every token of a server is made
/// from.
TEST(ParseSet, SecretsOfServersAreRefused) {
  const Result<VersionSet> set = VersionSet::parse(
      R"({"Id":"s","Prefs":{"baseTokenSecret":"0123","systemGrantorSecret":"********","defaultStage":"x"}})");
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().messages, ElementsAre(HasSubstr("Prefs.baseTokenSecret: a secret of each server"),
                                                HasSubstr("Prefs.systemGrantorSecret: a secret")));
  EXPECT_THAT(set.error().text(), Not(HasSubstr("0123")));
}

TEST(ParseSet, NullMeansNothing) {
  const VersionSet set =
      parsed(R"({"Id":"s","Components":null,"Plugins":null,"Prefs":null,"Files":null,"Global":null})");
  EXPECT_THAT(set.components, IsEmpty());
}

TEST(ParseSet, WhatIsNoObject) {
  EXPECT_FALSE(VersionSet::parse("[]"));
  EXPECT_FALSE(VersionSet::parse("{"));
}

}  // namespace
}  // namespace mullion::versionset
