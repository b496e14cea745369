// Plans for made-up endpoints, sets and catalogs, carried out by a model.
#include <gmock/gmock.h>

#include "plan/plan_testing.h"
#include "versionset/versionset_testing.h"

namespace mullion::plan {
namespace {

constexpr uint64_t kSeeds = 600;

/// Packs need only packs of a lower number, in either version.
catalog::Items random_catalog(env::Dice& dice) {
  std::vector<catalog::Item> items;
  for (size_t i = 0; i < 6; ++i) {
    for (size_t version = 0; version < 3; ++version) {
      std::string needs;
      for (size_t other = 0; other < std::min<size_t>(i, 4); ++other) {
        if (dice.one_in(4)) needs += fmt::format("{}pack{}", needs.empty() ? "" : ", ", other);
      }
      items.push_back(made_item(fmt::format("{}{}", i < 4 ? "pack" : "provider", i),
                                fmt::format("v1.{}.0", version), i < 4 ? "ContentPackage" : "PluginProvider",
                                needs));
    }
  }
  for (const char* version : {"v4.0.0", "v4.1.0", "v4.2.0"})
    items.push_back(made_item("drp", version, "DRP"));
  for (const char* version : {"v2.0.0", "v2.1.0", "v2.2.0"})
    items.push_back(made_item("drp-ux", version, "DRPUX"));
  return catalog::Items(std::move(items));
}

/// Installs what fits, so that the endpoint is one that could be.
ModelEndpoint random_endpoint(env::Dice& dice, const catalog::Items& items) {
  ModelEndpoint edge;
  for (const catalog::Item& item : items.all()) {
    if (!dice.one_in(3)) continue;
    const Result<Kind> kind = versionset::parse_component_kind(item.content_type);
    if (!kind) continue;
    Action action;
    action.kind = *kind;
    action.name = item.name;
    action.actual_version = item.actual_version;
    action.verb = "AddOrUpdate";
    (void)edge.carry_out(action, items);
  }
  for (size_t i = 0; i < 4; ++i) {
    const std::string provider = fmt::format("provider{}", 4 + i % 2);
    if (edge.component(provider) != nullptr && dice.one_in(2))
      edge.has_plugin(fmt::format("plugin{}", i), provider);
    if (dice.one_in(2)) edge.observed.prefs[fmt::format("pref{}", i)] = versionset::random_name(dice, "", 3);
    if (dice.one_in(2)) edge.observed.global[fmt::format("param{}", i)] = dice.below(3);
    if (dice.one_in(2)) edge.observed.files[fmt::format("files/f{}", i)] = std::string(64, 'a');
  }
  return edge;
}

struct RandomWorld {
  explicit RandomWorld(uint64_t seed)
      : dice(seed), items(random_catalog(dice)), edge(random_endpoint(dice, items)) {
    for (size_t i = 0; i < 1 + dice.below(4); ++i)
      sets.push_back(versionset::random_set(dice, fmt::format("set{}", i)));
    std::vector<const versionset::VersionSet*> order;
    for (const versionset::VersionSet& set : sets) order.push_back(&set);
    wanted = versionset::merge(order);
  }
  Plan plan() const { return make_plan(edge.observed, wanted, PlanInputs{items}); }

  env::Dice dice;
  catalog::Items items;
  ModelEndpoint edge;
  std::vector<versionset::VersionSet> sets;
  Wanted wanted;
};

TEST(PlanProperty, CarriedOutItLeavesNothingToDo) {
  size_t whole = 0, deletions = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomWorld world(seed);
    const Plan plan = world.plan();
    deletions += plan.actions.size() - plan.deletions_from;
    for (const Action& action : plan.actions) {
      EXPECT_EQ(world.edge.carry_out(action, world.items), "") << "seed " << seed << " " << action.name;
    }
    const Plan after = world.plan();
    EXPECT_TRUE(after.empty()) << "seed " << seed << " still " << after.actions.front().name;
    EXPECT_EQ(after.problems.size(), plan.problems.size()) << "seed " << seed;
    if (plan.problems.empty()) ++whole;
  }
  EXPECT_GT(whole, kSeeds / 10) << "most made-up worlds would be unsound";
  EXPECT_GT(deletions, kSeeds / 10) << "nothing would be deleted";
}

/// Any order that respects `after` works, not only the one of the list.
TEST(PlanProperty, DependenciesAreAllThatMatters) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomWorld world(seed);
    const Plan plan = world.plan();
    std::vector<size_t> open;
    for (size_t i = 0; i < plan.actions.size(); ++i) open.push_back(i);
    std::set<size_t> done;
    while (!open.empty()) {
      std::ranges::rotate(open, open.begin() + static_cast<std::ptrdiff_t>(world.dice.below(open.size())));
      const auto next = std::ranges::find_if(open, [&](size_t i) {
        return std::ranges::all_of(plan.actions[i].after,
                                   [&](size_t before) { return done.contains(before); });
      });
      ASSERT_NE(next, open.end()) << "seed " << seed << ": a circle";
      EXPECT_EQ(world.edge.carry_out(plan.actions[*next], world.items), "") << "seed " << seed;
      done.insert(*next);
      open.erase(next);
    }
    EXPECT_TRUE(world.plan().empty()) << "seed " << seed;
  }
}

TEST(PlanProperty, PrefixesRespectDependenciesAndDeletionsAreLast) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const RandomWorld world(seed);
    const Plan plan = world.plan();
    for (size_t i = 0; i < plan.actions.size(); ++i) {
      EXPECT_EQ(plan.actions[i].verb == "Delete", i >= plan.deletions_from) << "seed " << seed;
      for (const size_t before : plan.actions[i].after) EXPECT_LT(before, i) << "seed " << seed;
    }
  }
}

/// Stopped anywhere, what is left is planned again and ends in the same state.
TEST(PlanProperty, ResumedAnywhereItEndsTheSame) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomWorld world(seed);
    RandomWorld straight(seed);
    for (const Action& action : straight.plan().actions)
      (void)straight.edge.carry_out(action, straight.items);
    const Plan plan = world.plan();
    const size_t stop = plan.empty() ? 0 : world.dice.below(plan.actions.size());
    for (size_t i = 0; i < stop; ++i) (void)world.edge.carry_out(plan.actions[i], world.items);
    for (const Action& action : world.plan().actions) (void)world.edge.carry_out(action, world.items);
    EXPECT_TRUE(world.plan().empty()) << "seed " << seed;
    EXPECT_EQ(world.edge.observed.prefs, straight.edge.observed.prefs);
    EXPECT_EQ(world.edge.observed.files, straight.edge.observed.files);
    EXPECT_EQ(world.edge.observed.components.size(), straight.edge.observed.components.size())
        << "seed " << seed;
  }
}

TEST(PlanProperty, FirstOfTheListWins) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomWorld world(seed);
    for (const Action& action : world.plan().actions) (void)world.edge.carry_out(action, world.items);
    for (size_t i = world.sets.size(); i-- > 0;) {
      for (const auto& [name, value] : world.sets[i].prefs) {
        const bool shadowed =
            std::any_of(world.sets.begin(), world.sets.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const versionset::VersionSet& set) { return set.prefs.contains(name); });
        if (shadowed) continue;
        EXPECT_EQ(world.edge.observed.prefs.at(name), value) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace mullion::plan
