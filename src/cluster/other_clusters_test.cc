// What broke in other people's clusters, each as a world of its own: the table is in docs/guarantees.md.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/directed_testing.h"

namespace mullion::cluster {
namespace {

WorldOptions quiet(int voters = 3, uint64_t seed = 1) {
  WorldOptions options;
  options.seed = seed;
  options.voters = voters;
  options.faults = false;
  return options;
}

/// Runs what may throw a violation of what is checked after every step.
template <typename What>
void hold(What what) {
  try {
    what();
  } catch (const Violation& violation) {
    ADD_FAILURE() << violation.what();
  }
}

World::Process& passive(World& world) { return world.process(world.active()->id() % 3 + 1); }

/// NATS 2.12: acknowledged before it was synced. What a disk has not synced is lost here.
TEST(OtherClusters, ThreePowerCutsAtOnceLoseNothing) {
  hold([] {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      World world(quiet(3, seed));
      for (int round = 0; round < 5; ++round) {
        directed::write_more(world, 5);
        (void)world.active()->write(fmt::format("under way {}", round));
        world.run_for(world.dice().between(0, 8 * kMs));
        for (const auto& [id, process] : world.processes()) process->crash();
        for (const auto& [id, process] : world.processes()) process->start();
      }
      directed::write_more(world, 5);
    }
  });
}

/// etcd #14370: a cluster of one acknowledged and lost.
TEST(OtherClusters, APowerCutOfAClusterOfOneLosesNothing) {
  hold([] {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      World world(quiet(1, seed));
      for (int round = 0; round < 5; ++round) {
        directed::write_more(world, 3);
        (void)world.active()->write(fmt::format("under way {}", round));
        world.run_for(world.dice().between(0, 8 * kMs));
        world.process(1).crash();
        world.process(1).start();
      }
      directed::write_more(world, 3);
    }
  });
}

/// etcd #15247: a slow disk took the lead, and with it everybody's leases.
TEST(OtherClusters, ASlowDiskOfAPassiveMemberDelaysNobody) {
  hold([] {
    World world(quiet());
    directed::write_more(world, 3);
    const MemberId leader = world.active()->id();
    passive(world).slow_sync = 3000 * kMs;
    const Time begun = world.now();
    directed::write_more(world, 50);
    EXPECT_LT(world.now() - begun, 2000 * kMs);
    world.run_for(5000 * kMs);
    EXPECT_EQ(world.active()->id(), leader);
    EXPECT_EQ(world.leaders_seen(), 1U);
  });
}

TEST(OtherClusters, ASlowDiskOfTheActiveMemberKeepsOneLeader) {
  hold([] {
    World world(quiet());
    directed::write_more(world, 3);
    const MemberId leader = world.active()->id();
    world.active()->slow_sync = 2000 * kMs;
    directed::write_more(world, 3);
    EXPECT_EQ(world.active()->id(), leader) << "heartbeats wait for no disk";
    EXPECT_EQ(world.active()->member().hand_over(passive(world).id()), CoreStatus::kOk);
    world.run_for(4000 * kMs);
    const Time begun = world.now();
    directed::write_more(world, 20);
    EXPECT_LT(world.now() - begun, 2000 * kMs) << "what helps";
  });
}

/// etcd #9992: one full disk made everything read-only until somebody worked on it.
TEST(OtherClusters, AFullDiskOfAPassiveMemberStopsNobodyAndHealsByItself) {
  hold([] {
    World world(quiet());
    directed::write_more(world, 3);
    World::Process& full = passive(world);
    full.disk.capacity = full.disk.used();
    directed::write_more(world, 20);
    full.disk.capacity = ~uint64_t{0};
    ASSERT_TRUE(
        world.run_until([&] { return full.database().index + 3 >= world.agreed_to(); }, 10'000 * kMs));
  });
}

TEST(OtherClusters, AFullDiskOfTheActiveMemberHandsTheLeadOver) {
  hold([] {
    World world(quiet());
    directed::write_more(world, 3);
    World::Process& full = *world.active();
    full.disk.capacity = full.disk.used();
    const auto another_serves = [&] {
      World::Process* active = world.active();
      if (active != nullptr) (void)active->write(fmt::format("try {}", world.now()));
      return active != nullptr && active != &full;
    };
    ASSERT_TRUE(world.run_until(another_serves, 10'000 * kMs));
    directed::write_more(world, 20);
    full.disk.capacity = ~uint64_t{0};
    ASSERT_TRUE(
        world.run_until([&] { return full.database().index + 3 >= world.agreed_to(); }, 10'000 * kMs));
  });
}

/// cloudnative-pg #1688: members that failed and came back in a certain order promoted an outdated one.
TEST(OtherClusters, MembersGoAndComeInEveryOrder) {
  hold([] {
    std::vector<MemberId> going{1, 2, 3};
    do {
      std::vector<MemberId> coming{1, 2, 3};
      do {
        World world(quiet());
        directed::write_more(world, 2);
        world.process(going[0]).crash();
        directed::write_more(world, 2);  // that one does not have
        world.process(going[1]).crash();
        world.run_for(1000 * kMs);
        EXPECT_EQ(world.active(), nullptr) << "one of three";
        world.process(going[2]).crash();
        for (const MemberId id : coming) {
          world.process(id).start();
          world.run_for(1500 * kMs);  // two of them may go on before the third is there
        }
        directed::write_more(world, 2);
      } while (std::ranges::next_permutation(coming).found);
    } while (std::ranges::next_permutation(going).found);
  });
}

/// DRP: an even number of members came to a deadlock.
TEST(OtherClusters, TwoHalvesOfFourBothRefuseAndGoOnWhenTheyMeet) {
  hold([] {
    World world(quiet(4));
    directed::write_more(world, 3);
    for (const MemberId left : {1, 2}) {
      for (const MemberId right : {3, 4}) world.cut(left, right), world.cut(right, left);
    }
    world.run_for(3000 * kMs);
    EXPECT_EQ(world.active(), nullptr);
    world.mend_all();
    directed::write_more(world, 3);
  });
}

/// Vault #18004: replacing members one by one left dead ones that counted, and no majority.
TEST(OtherClusters, AllMembersAreReplacedOneByOne) {
  hold([] {
    World world(quiet());
    directed::write_more(world, 3);
    for (int round = 0; round < 3; ++round) {
      World::Process& active = *world.active();
      const auto& members = active.database().members;
      const MemberId old = *std::ranges::find_if(members, [&](MemberId id) { return id != active.id(); });
      ASSERT_TRUE(active.change(ChangeKind::kRemove, old));
      world.run_for(500 * kMs);
      world.process(old).crash();
      const MemberId fresh = world.new_id();
      ASSERT_TRUE(world.active()->change(ChangeKind::kAddLearner, fresh));
      world.run_for(500 * kMs);
      world.add_process(fresh, world.active()->database());
      world.run_for(500 * kMs);
      ASSERT_TRUE(world.active()->change(ChangeKind::kPromote, fresh));
      directed::write_more(world, 3);
      ASSERT_EQ(world.active()->member().hand_over(fresh), CoreStatus::kOk);
      directed::write_more(world, 3);
    }
    EXPECT_EQ(world.active()->database().members.size(), 3U);
    EXPECT_GT(*world.active()->database().members.begin(), 1U);
  });
}

/// Patroni #3572: something small that failed beside the data demoted a healthy primary. Members have two
/// connections in each direction; here one of them is dead, to one member or to all.
TEST(OtherClusters, OneOfTheTwoConnectionsOfAPairIsCut) {
  for (const bool bulk : {false, true}) {
    for (const bool both_ways : {false, true}) {
      SCOPED_TRACE(fmt::format("bulk {} both ways {}", bulk, both_ways));
      hold([&] {
        World world(quiet());
        directed::write_more(world, 3);
        const MemberId leader = world.active()->id();
        const MemberId other = leader % 3 + 1;
        world.cut_one(leader, other, bulk);
        if (both_ways) world.cut_one(other, leader, bulk);
        const Time begun = world.now();
        for (int i = 0; i < 20; ++i) {
          directed::write_more(world, 1);
          world.run_for(200 * kMs);
        }
        EXPECT_LT(world.now() - begun, 8000 * kMs) << "writes go on without a pause";
        EXPECT_EQ(world.active()->id(), leader);
        EXPECT_EQ(world.leaders_seen(), 1U);
        world.mend_all();
        ASSERT_TRUE(world.run_until(
            [&] { return world.process(other).database().index + 3 >= world.agreed_to(); }, 5000 * kMs));
      });
    }
  }
}

/// All connections of one kind, of the serving member: it does not lead on where nobody hears it, and whoever
/// leads then does.
TEST(OtherClusters, OneKindOfConnectionOfTheServingMemberIsCut) {
  for (const bool bulk : {false, true}) {
    SCOPED_TRACE(bulk);
    hold([&] {
      World world(quiet());
      directed::write_more(world, 3);
      const MemberId leader = world.active()->id();
      for (const MemberId other : {leader % 3 + 1, (leader + 1) % 3 + 1}) world.cut_one(leader, other, bulk);
      world.run_for(5000 * kMs);  // no two of them read, which is looked at after every step
      world.mend_all();
      directed::write_more(world, 5);
    });
  }
}

/// Vault #17014, #31732: members that came back replayed their own removal. Here it lies in the log of one
/// that stops before it has carried it out, known as agreed or not.
TEST(OtherClusters, AMemberThatReplaysItsOwnRemovalDisturbsNobody) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    hold([&] {
      World world(quiet(3, seed));
      directed::write_more(world, 3);
      World::Process& active = *world.active();
      World::Process& victim = passive(world);
      World::Process& third = world.process(victim.id() % 3 + 1);
      victim.slow_apply = 60'000 * kMs;
      if (seed % 2 == 0) third.crash();  // then it takes part in agreeing on it
      const uint64_t before = victim.disk.synced.last();
      ASSERT_TRUE(active.change(ChangeKind::kRemove, victim.id()));
      ASSERT_TRUE(world.run_until([&] { return victim.disk.synced.last() > before; }, 1000 * kMs));
      world.run_for(world.dice().between(0, 4 * kMs));
      victim.crash();
      victim.slow_apply = 0;
      world.isolate(victim.id());
      third.start();
      victim.start();
      world.run_for(3000 * kMs);
      world.mend_all();
      directed::write_more(world, 5);
      ASSERT_TRUE(world.run_until([&] { return !victim.abstained.empty(); }, 5000 * kMs)) << "it is told";
      EXPECT_EQ(world.active()->database().members.size(), 2U);
      // Its machine comes back as another member, with a copy that lies behind that removal.
      const MemberId fresh = world.new_id();
      victim.crash();
      ASSERT_TRUE(world.active()->change(ChangeKind::kAddLearner, fresh));
      world.run_for(500 * kMs);
      world.add_process(fresh, world.active()->database());
      world.run_for(500 * kMs);
      ASSERT_TRUE(world.active()->change(ChangeKind::kPromote, fresh));
      directed::write_more(world, 5);
      EXPECT_EQ(world.active()->database().members.size(), 3U);
    });
  }
}

/// libraft #450: an assertion where a log was cut while the disk failed.
TEST(OtherClusters, ADiskThatFailsWhileTheLogIsCut) {
  hold([] {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      World world(quiet(3, seed));
      directed::write_more(world, 3);
      World::Process& old = *world.active();
      world.isolate(old.id());
      for (int i = 0; i < 3; ++i) {  // entries that nobody else gets: they are cut when it is back
        (void)old.write(fmt::format("alone {}", i));
        world.run_for(20 * kMs);
      }
      ASSERT_TRUE(world.run_until(
          [&] { return world.active() != nullptr && world.active()->id() != old.id(); }, 5000 * kMs));
      directed::write_more(world, 3);
      world.mend_all();
      old.disk.sync_fails = true;
      ASSERT_TRUE(
          world.run_until([&] { return old.database().index + 3 >= world.agreed_to(); }, 10'000 * kMs));
      directed::write_more(world, 3);
    }
  });
}

}  // namespace
}  // namespace mullion::cluster
