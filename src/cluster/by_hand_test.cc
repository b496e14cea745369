// Clusters whose lead is switched by hand, on virtual time: one voter, and learners that it waits for.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/directed_testing.h"

namespace mullion::cluster {
namespace {

constexpr Time kPatience = 1000 * kMs;  // of the world's members, at the right pace

WorldOptions pair_of(uint64_t seed, int passives = 1) {
  WorldOptions options;
  options.seed = seed;
  options.voters = 1;
  options.learners = passives;
  options.by_hand = true;
  options.faults = false;
  return options;
}

template <typename What>
void must_hold(What what) {
  try {
    what();
  } catch (const Violation& violation) {
    ADD_FAILURE() << violation.what();
  }
}

/// What an operator relies on who switches: whoever is in step has everything that was answered on its disk.
void check_in_step(World& world) {
  World::Process* active = world.active();
  if (active == nullptr) return;
  for (const MemberId id : (*active)->view().in_step) {
    if (world.process(id).disk.synced.last() < world.acknowledged_to())
      world.fail(fmt::format("member {} is said to be in step at {}, and {} was answered", id,
                             world.process(id).disk.synced.last(), world.acknowledged_to()));
  }
}

bool in_step(World& world, MemberId id) {
  World::Process* active = world.active();
  return active != nullptr && (*active)->view().in_step.contains(id);
}

/// The next one to lead gets a vote, then the lead; the vote of the former one ends.
void switch_lead(World& world, MemberId from, MemberId to) {
  ASSERT_TRUE(world.run_until([&] { return in_step(world, to); }, 5000 * kMs));
  ASSERT_TRUE(
      world.run_until([&] { return world.process(from).change(ChangeKind::kPromote, to); }, 1000 * kMs));
  const auto given = [&] {
    MemberProgress progress;
    return world.process(from)->member(to, progress) && progress.voter;
  };
  ASSERT_TRUE(world.run_until(given, 5000 * kMs));
  ASSERT_TRUE(
      world.run_until([&] { return world.process(from)->hand_over(to) == CoreStatus::kOk; }, 1000 * kMs));
  ASSERT_TRUE(world.run_until([&] { return world.active() == &world.process(to); }, 5000 * kMs));
  ASSERT_TRUE(
      world.run_until([&] { return world.process(to).change(ChangeKind::kAddLearner, from); }, 2000 * kMs));
  ASSERT_TRUE(world.run_until(
      [&] {
        MemberProgress progress;
        return world.process(to)->member(from, progress) && !progress.voter;
      },
      5000 * kMs));
}

TEST(ByHand, WhoIsInStepHasWhatWasAnswered) {
  must_hold([] {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      World world(pair_of(seed, seed % 3 == 0 ? 2 : 1));
      for (int round = 0; round < 25; ++round) {
        const MemberId victim = static_cast<MemberId>(world.dice().between(1, seed % 3 == 0 ? 3 : 2));
        switch (world.dice().between(0, 5)) {
          case 0:
            world.process(victim).crash();
            break;
          case 1:
            world.isolate(victim);
            break;
          case 2:
            world.mend_all();
            break;
          default:
            for (const auto& [id, process] : world.processes()) process->start();
        }
        const Time until = world.now() + world.dice().between(10 * kMs, 600 * kMs);
        while (world.now() < until) {
          if (World::Process* active = world.active(); active != nullptr)
            (void)active->write(fmt::format("{}-{}", round, world.now()));
          world.run_for(5 * kMs);
          check_in_step(world);
        }
      }
      world.mend_all();
      for (const auto& [id, process] : world.processes()) process->start();
      directed::write_more(world, 5);
      EXPECT_TRUE(world.run_until([&] { return in_step(world, 2); }, 10'000 * kMs)) << seed;
    }
  });
}

TEST(ByHand, WritesWaitForAWhileForWhoIsGoneAndThenGoOn) {
  must_hold([] {
    World world(pair_of(1));
    directed::write_more(world, 3);
    ASSERT_TRUE(world.run_until([&] { return in_step(world, 2); }, 3000 * kMs));
    world.process(2).crash();
    const Time begun = world.now();
    directed::write_more(world, 1);
    EXPECT_GT(world.now() - begun, kPatience / 2) << "it was waited for";
    EXPECT_LT(world.now() - begun, 3 * kPatience);
    EXPECT_FALSE(in_step(world, 2));
    const Time alone = world.now();
    directed::write_more(world, 10);
    EXPECT_LT(world.now() - alone, 500 * kMs) << "nobody is waited for any more";
    world.process(2).start();
    ASSERT_TRUE(world.run_until([&] { return in_step(world, 2); }, 5000 * kMs));
  });
}

TEST(ByHand, NobodyTakesOverByItself) {
  must_hold([] {
    World world(pair_of(2, 2));
    directed::write_more(world, 3);
    world.process(1).crash();
    for (int i = 0; i < 600; ++i) {
      world.run_for(100 * kMs);
      ASSERT_EQ(world.active(), nullptr);
    }
    world.process(1).start();
    directed::write_more(world, 3);
    EXPECT_EQ(world.active()->id(), 1U);
  });
}

TEST(ByHand, TheLeadGoesThereAndBackAndLeavesOneVote) {
  must_hold([] {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      World world(pair_of(seed));
      directed::write_more(world, 3);
      switch_lead(world, 1, 2);
      directed::write_more(world, 3);
      world.process(1).crash();
      directed::write_more(world, 3);
      world.process(1).start();
      switch_lead(world, 2, 1);
      directed::write_more(world, 3);
    }
  });
}

/// It may have been told meanwhile that somebody else goes on.
TEST(ByHand, WhoStartsHearsTheOthersBeforeItServes) {
  must_hold([] {
    World world(pair_of(3));
    directed::write_more(world, 3);
    world.process(1).crash();
    world.isolate(1);
    world.process(1).start();
    world.run_for(kPatience / 2);
    EXPECT_EQ(world.active(), nullptr);
    EXPECT_TRUE(world.run_until([&] { return world.active() != nullptr; }, 3 * kPatience))
        << "they may all be gone";
  });
}

}  // namespace
}  // namespace mullion::cluster
