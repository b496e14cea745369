// Worlds that lead straight to what chance does not find: each is a rule of docs/cluster.md and throws
// Violation when it is broken (or the crate ends the process).
#pragma once

#include "cluster/exploration_testing.h"
#include "cluster/readmission_testing.h"

namespace mullion::cluster::directed {

inline CoreOptions core_options(uint32_t bugs) {
  CoreOptions out;
  out.planted_bugs = bugs;
  return out;
}

inline void must(bool fact, const char* rule) {
  if (!fact) throw Violation(rule);
}

/// The single voter elects itself before its vote is synced: it must not append in a term that it may forget.
inline void nothing_is_appended_before_the_vote_is_synced(uint32_t core, uint32_t) {
  SmallWorld world({1}, {2}, core_options(core));
  world.tick(1, 80);
  must(world.nodes.at(1).role == Role::kLeader, "a single voter leads after its timeout");
  must(world.lines.empty(), "nothing leaves before the vote is synced");
  world.run({1, 2});
  must(world.nodes.at(2).applied == 1, "then the learner gets the first entry");
}

/// The crate asserts that a single voter's log is synced when it wins.
inline void a_lone_voter_waits_for_its_disk(uint32_t core, uint32_t) {
  SmallWorld world({1}, {2}, core_options(core));
  world.elect(1, {1, 2});
  must(world.propose(1) == CoreStatus::kOk, "the single voter takes a proposal");
  world.nodes.at(1).core->step_down();
  world.tick(1, 200);
  must(world.nodes.at(1).role == Role::kFollower, "no campaign with an unsynced entry");
  world.elect(1, {1, 2});
}

/// Configurations count when they are applied: that a change is agreed must be known after a restart.
inline void a_change_is_known_as_agreed_after_a_restart(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  for (const MemberId id : {2, 3}) world.freeze_database(id);
  std::set<MemberId> all{1, 2, 3};
  for (const MemberId id : {4, 5}) {
    world.add(id);
    all.insert(id);
    for (const ChangeKind kind : {ChangeKind::kAddLearner, ChangeKind::kPromote}) {
      must(world.change(1, kind, id) == CoreStatus::kOk, "the leader takes a change");
      world.tick(1, 10);
      world.run(all);
    }
  }
  for (const MemberId id : {2, 3}) world.crash(id, true);
  must(world.propose(1) == CoreStatus::kOk, "the leader takes a proposal");
  world.run({1, 4, 5});
  for (const MemberId id : {2, 3}) world.start(id);
  for (int i = 0; i < 300; ++i) {
    for (const MemberId id : {2, 3}) world.tick(id);
    world.run({2, 3});
  }
}

/// A leader whose log was counted on believes what it knows; the crate ends the process of a member that lost
/// it.
inline void a_heartbeat_beyond_the_log_is_amnesia(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  must(world.propose(1) == CoreStatus::kOk, "the leader takes a proposal");
  world.run({1, 2, 3});
  SmallWorld::Node& forgetful = world.nodes.at(2);
  world.crash(2);
  forgetful.synced.clear();
  forgetful.hard = {};
  forgetful.applied = 0;
  world.start(2);
  world.tick(1, 10);
  bool told = false;
  for (const SmallWorld::Packet& packet : std::exchange(world.lines, {}))
    if (packet.to == 2 && world.step(packet) == CoreStatus::kAmnesia) told = true;
  must(told, "the heartbeat is answered with amnesia");
}

/// Changes are judged before, because the crate says yes and appends something else.
inline void a_change_at_a_time(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  must(world.change(1, ChangeKind::kRemove, 1) == CoreStatus::kRefused, "a leader does not remove itself");
  must(world.change(1, ChangeKind::kPromote, 9) == CoreStatus::kRefused, "only learners are promoted");
  must(world.change(1, ChangeKind::kRemove, 9) == CoreStatus::kRefused, "only members are removed");
  must(world.change(1, ChangeKind::kAddLearner, 1) == CoreStatus::kRefused, "a leader keeps its vote");
  must(world.change(1, ChangeKind::kAddLearner, 4) == CoreStatus::kOk, "a stranger becomes a learner");
  must(world.change(1, ChangeKind::kAddLearner, 5) == CoreStatus::kBusy, "one change at a time");
  world.run({1, 2, 3});
  must(world.change(1, ChangeKind::kAddLearner, 5) == CoreStatus::kOk, "the next one after it");
}

/// Where one member alone has a vote: the next one gets a vote, then the lead, and takes the vote of the
/// first.
inline void a_lead_that_is_switched_leaves_one_vote(uint32_t core, uint32_t) {
  SmallWorld world({1}, {2}, core_options(core));
  world.elect(1, {1, 2});
  must(world.change(1, ChangeKind::kPromote, 2) == CoreStatus::kOk, "the learner gets a vote");
  for (int i = 0; i < 20; ++i) {
    world.tick(1, 1);
    world.run({1, 2});
  }
  must(world.nodes.at(1).core->transfer(2) == CoreStatus::kOk, "the hand-over begins");
  for (int i = 0; i < 100 && world.nodes.at(2).role != Role::kLeader; ++i) {
    world.tick(1, 1);
    world.tick(2, 1);
    world.run({1, 2});
  }
  must(world.nodes.at(2).role == Role::kLeader, "it leads");
  world.run({1, 2});
  must(world.change(2, ChangeKind::kAddLearner, 1) == CoreStatus::kOk, "it takes the vote of the first");
  world.run({1, 2});
  world.crash(1);
  must(world.propose(2) == CoreStatus::kOk, "the new leader takes a proposal");
  const uint64_t before = world.nodes.at(2).applied;
  world.run({2});
  must(world.nodes.at(2).applied > before, "it needs nobody else");
  world.start(1);
  world.crash(2);
  world.tick(1, 500);
  world.run({1});
  must(world.nodes.at(1).role == Role::kFollower, "who has no vote does not lead");
}

/// Who is given a vote to be given the lead hears of both at once: it leads when it has applied the first.
inline void a_lead_is_taken_once_the_vote_is_applied(uint32_t core, uint32_t) {
  SmallWorld world({1}, {2}, core_options(core));
  world.elect(1, {1, 2});
  world.nodes.at(2).slow = true;
  must(world.change(1, ChangeKind::kPromote, 2) == CoreStatus::kOk, "the learner gets a vote");
  const auto knows_of_its_vote = [&] {
    return std::ranges::any_of(world.nodes.at(2).waiting,
                               [](const Entry& entry) { return entry.kind == EntryKind::kChange; });
  };
  for (int i = 0; i < 20 && !knows_of_its_vote(); ++i) {
    world.tick(1, 1);
    world.run({1, 2});
  }
  must(knows_of_its_vote(), "it knows of its vote");
  must(world.nodes.at(1).core->transfer(2) == CoreStatus::kOk, "the hand-over begins");
  world.tick(1, 1);
  world.run({1, 2});
  must(world.nodes.at(2).role != Role::kLeader, "it has not applied its vote");
  world.nodes.at(2).slow = false;
  world.apply_waiting(2);
  world.run({1, 2});
  must(world.nodes.at(2).role == Role::kLeader, "it leads, and nobody had to ask again");
}

/// The lead may move to a member before it is agreed that this one is removed, or loses its vote: `is_out`
/// says of its progress, absent when it is no member, that this is applied.
inline void a_leader_that_is_to_go(uint32_t core, ChangeKind kind,
                                   bool (*is_out)(const std::optional<MemberProgress>&)) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  must(world.change(1, kind, 2) == CoreStatus::kOk, "the leader takes the change");
  while (!world.nodes.at(1).unsynced.empty()) world.sync(1);
  for (const SmallWorld::Packet& packet : std::exchange(world.lines, {}))
    if (packet.from == 1) (void)world.step(packet);
  for (const MemberId id : {2, 3})
    while (!world.nodes.at(id).unsynced.empty()) world.sync(id);
  world.lines.clear();  // nobody knows that it is agreed
  world.crash(1);
  world.forget_leaders(2, {2, 3});
  for (int i = 0; i < 300; ++i) {
    world.tick(2);
    world.run({2, 3});
    std::optional<MemberProgress> progress = MemberProgress();
    if (!world.nodes.at(2).core->member(2, *progress)) progress.reset();
    if (!is_out(progress)) continue;
    must(world.nodes.at(2).role != Role::kLeader, "who is out does not lead");
    return;
  }
  must(false, "the change is applied");
}

inline void a_leader_that_loses_its_vote_steps_down(uint32_t core, uint32_t) {
  a_leader_that_is_to_go(core, ChangeKind::kAddLearner,
                         [](const std::optional<MemberProgress>& one) { return one && !one->voter; });
}

inline void a_leader_that_is_removed_steps_down(uint32_t core, uint32_t) {
  a_leader_that_is_to_go(core, ChangeKind::kRemove,
                         [](const std::optional<MemberProgress>& one) { return !one; });
}

/// The published counter-example: a change in a term of which nothing is agreed yet.
inline void no_change_before_the_term_has_an_agreed_entry(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  const auto leads = [&] { return world.nodes.at(1).role == Role::kLeader; };
  world.forget_leaders(1, {1, 2, 3});
  for (int i = 0; i < 80 && !leads(); ++i) {
    world.tick(1);
    while (!world.lines.empty() && !leads()) (void)world.deliver(0);
    for (auto& [id, node] : world.nodes)
      while (!node.unsynced.empty() && !leads()) world.sync(id);
  }
  must(world.nodes.at(1).role == Role::kLeader, "member 1 leads");
  must(world.nodes.at(1).applied == 0, "and nothing is agreed");
  must(world.change(1, ChangeKind::kAddLearner, 4) == CoreStatus::kBusy, "no change yet");
}

/// What was stored may say more than what is there: the crate ends the process at it.
inline void the_stored_commit_is_bounded_by_the_log(uint32_t core, uint32_t) {
  CoreOptions options = core_options(core);
  options.id = 1;
  const std::string conf = encode_conf({1, 2, 3}, {});
  const std::vector<Entry> entries{{1, 1, EntryKind::kEmpty, {}, {}}};
  must(Core::open(options, {{1, 0, 9}, conf, 0, 0, 0, entries}).ok(), "a commit beyond the log is cut to it");
  must(!Core::open(options, {{1, 0, 1}, conf, 0, 0, 2, entries}).ok(),
       "a database ahead of the journal is refused");
  must(!Core::open(options, {{0, 0, 1}, conf, 0, 0, 0, entries}).ok(), "a term below the log's is refused");
  must(!Core::open(options, {{1, 0, 1}, encode_conf({}, {}), 0, 0, 0, entries}).ok(), "no voters is refused");
}

/// A message as eraftpb encodes it: numbers by field, then entries.
inline std::string raw_message(const std::vector<std::pair<int, uint64_t>>& fields,
                               const std::string& entry_data) {
  std::string out;
  const auto varint = [](std::string& to, uint64_t number) {
    for (; number >= 128; number >>= 7) to.push_back(static_cast<char>(number | 128));
    to.push_back(static_cast<char>(number));
  };
  for (const auto& [field, number] : fields) {
    varint(out, static_cast<uint64_t>(field) << 3);
    varint(out, number);
  }
  if (entry_data.empty()) return out;
  std::string entry;
  varint(entry, 4 << 3 | 2);
  varint(entry, entry_data.size());
  entry += entry_data;
  varint(out, 7 << 3 | 2);
  varint(out, entry.size());
  return out + entry;
}

/// Only the store proposes; what others forward would come without its bytes.
inline void proposals_from_the_line_are_dropped(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  const uint64_t term = world.nodes.at(1).term;
  for (const uint64_t type :
       {2, 12, 13, 15, 0, 1, 11}) {  // propose, status, transfer, read index, local ones
    const std::string bytes = raw_message({{1, type}, {2, 1}, {3, 2}, {4, term}}, std::string(24, 'x'));
    must(world.step({2, 1, bytes, {}}) == CoreStatus::kDropped, "not for the line");
  }
  must(world.step({2, 1, "\xff\xff", {}}) == CoreStatus::kGarbled,
       "what cannot be read is said to be garbled");
  const std::string append = raw_message({{1, 3}, {2, 2}, {3, 1}, {4, term}}, std::string(24, 'x'));
  must(world.step({1, 2, append, {}}) == CoreStatus::kGarbled, "entries come with their payloads");
}

/// It does not remember whom it heard last: somebody may hold a lease by its word.
inline void a_member_that_just_started_does_not_vote(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  world.tick(1, 10);
  world.run({1, 2});  // 3 hears nothing any more
  world.crash(2);
  world.start(2);
  world.tick(3, 200);
  while (!world.nodes.at(3).unsynced.empty()) world.sync(3);
  for (const SmallWorld::Packet& packet : std::exchange(world.lines, {}))
    if (packet.from == 3 && packet.to == 2) (void)world.step(packet);
  while (!world.nodes.at(2).unsynced.empty()) world.sync(2);
  for (const SmallWorld::Packet& packet : world.lines)
    must(packet.from != 2, "a restarted member answers no request for votes");
}

/// A request for votes that ignores the lease may be under way: no lease in this term, and no lead after the
/// failure.
inline void a_hand_over_that_fails_ends_the_lead(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  world.tick(1, 10);
  world.run({1, 2, 3});
  must(world.nodes.at(1).core->transfer(2) == CoreStatus::kOk, "the hand-over begins");
  world.tick(1, 1);
  world.lines.clear();  // 2 does not hear of it
  must(world.nodes.at(1).lease_void, "the lease ends with TimeoutNow");
  must(world.propose(1) == CoreStatus::kBusy, "nothing is proposed meanwhile");
  const uint64_t term = world.nodes.at(1).term;
  for (int i = 0; i < 60; ++i) {
    world.tick(1);
    if (i < 45) world.run({1, 3});
  }
  const SmallWorld::Node& node = world.nodes.at(1);
  must(node.role != Role::kLeader || node.term > term, "it does not lead on in this term");
}

/// Follower's logs of equal length whose last terms differ, third member dead: somebody wins.
inline void unequal_followers_find_a_leader(uint32_t core, uint32_t) {
  SmallWorld world({1, 2, 3}, {}, core_options(core));
  world.elect(1, {1, 2, 3});
  must(world.propose(1) == CoreStatus::kOk, "only 1 has this entry");
  while (!world.nodes.at(1).unsynced.empty()) world.sync(1);
  world.lines.clear();
  world.crash(1);
  world.elect(2, {2, 3});
  world.crash(3);
  world.start(1);
  for (int i = 0; i < 300; ++i) {
    world.tick(2);
    if (i % 2 == 0) world.tick(1);
    world.run({1, 2});
  }
  must(world.nodes.at(1).applied == world.nodes.at(2).applied && world.nodes.at(2).applied >= 2,
       "they agree");
}

/// A network that does nothing by itself, and members with these bugs planted.
inline WorldOptions without_faults(uint32_t core, uint32_t member) {
  WorldOptions options;
  options.faults = false;
  options.core_bugs = core;
  options.member_bugs = member;
  return options;
}

/// A member of which less is left than it showed before takes no part, whoever it is told by.
inline void a_rolled_back_member_abstains(uint32_t core, uint32_t member) {
  WorldOptions options = without_faults(core, member);
  World world(options);
  const auto write = [&](int count) {
    const uint64_t wanted = world.acknowledged() + static_cast<uint64_t>(count);
    for (int i = 0; world.acknowledged() < wanted; ++i) {
      if (i > 2000) world.fail("nothing is acknowledged");
      if (World::Process* active = world.active(); active != nullptr)
        (void)active->write(fmt::format("v{}-{}", wanted, i));
      world.run_for(10 * kMs);
    }
  };
  write(3);
  World::Process* leader = world.active();
  World::Process& victim = world.process(leader->id() % 3 + 1);
  const World::Process::Image old = victim.image();
  write(5);
  victim.crash();
  victim.restore(old);
  victim.start();
  world.run_for(500 * kMs);
  if (victim.abstained.empty()) world.fail("a member that was rolled back takes part");
  write(3);
}

/// So many writes more are acknowledged.
inline void write_more(World& world, int count) {
  const uint64_t wanted = world.acknowledged() + static_cast<uint64_t>(count);
  for (int i = 0; world.acknowledged() < wanted; ++i) {
    if (i > 2000) world.fail("nothing is acknowledged");
    if (World::Process* active = world.active(); active != nullptr)
      (void)active->write(fmt::format("w{}-{}", wanted, i));
    world.run_for(10 * kMs);
  }
}

/// All members stop; one of them is put back to an older state before all start again. The others have
/// written down what they had seen of it.
inline void a_rolled_back_member_is_known_after_everybody_restarted(uint32_t core, uint32_t member) {
  WorldOptions options = without_faults(core, member);
  World world(options);
  write_more(world, 3);
  World::Process& victim = world.process(world.active()->id() % 3 + 1);
  const World::Process::Image old = victim.image();
  write_more(world, 5);
  world.run_for(500 * kMs);
  for (const auto& [id, process] : world.processes()) process->crash();
  victim.restore(old);
  for (const auto& [id, process] : world.processes()) process->start();
  world.run_for(300 * kMs);  // before anybody may vote
  if (!victim.forgot) world.fail("a member that was rolled back while all stood still takes part");
  write_more(world, 3);
}

/// Only one other member has an acknowledged entry with the leader, and forgets it; then the leader is gone
/// for a while. Under its old number the forgetful one would elect the third, which never had the entry.
inline void who_forgot_does_not_vote_and_comes_back(uint32_t core, uint32_t member) {
  WorldOptions options = without_faults(core, member);
  World world(options);
  Repairs repairs(world);
  const auto run = [&](Time duration) {
    for (Time gone = 0; gone < duration; gone += 50 * kMs) {
      repairs.look();
      world.run_for(50 * kMs);
    }
  };
  write_more(world, 3);
  World::Process& leader = *world.active();
  World::Process& forgetful = world.process(leader.id() % 3 + 1);
  World::Process& third = world.process(forgetful.id() % 3 + 1);
  world.isolate(third.id());
  write_more(world, 3);
  forgetful.crash();
  leader.crash();
  world.mend_all();
  forgetful.wipe_journal();
  forgetful.start();
  run(3000 * kMs);
  if (world.active() != nullptr) world.fail("somebody serves without those who know what was acknowledged");
  leader.start();
  run(6000 * kMs);
  write_more(world, 3);
  if (repairs.returned() != 1 || !forgetful.gone) world.fail("who forgot did not come back");
  const World::Process& back = world.process(world.active()->database().back.at(forgetful.id()));
  if (back.database().index + 5 < world.agreed_to()) world.fail("who came back does not keep up");
  leader.crash();  // now it counts
  write_more(world, 3);
}

/// Answers that come late prove that we led when we asked, not now.
inline void a_lease_counts_from_the_question(uint32_t core, uint32_t member) {
  WorldOptions options;
  options.faults = false;
  options.drift_percent = 0;
  options.core_bugs = core;
  options.member_bugs = member;
  for (options.seed = 1; options.seed <= 5; ++options.seed) {
    World world(options);
    if (!world.run_until([&] { return world.active() != nullptr; }, 5000 * kMs)) world.fail("nobody leads");
    world.run_for(300 * kMs);
    const MemberId leader = world.active()->id();
    world.late[leader] = 380 * kMs;
    world.run_for(110 * kMs);
    for (const auto& [id, process] : world.processes()) world.cut(leader, id);
    world.run_for(2000 * kMs);
  }
}

/// A bit that flipped is damage: the member does not start, the others go on.
inline void a_damaged_member_abstains(uint32_t core, uint32_t member) {
  WorldOptions options = without_faults(core, member);
  World world(options);
  if (!world.run_until([&] { return world.active() != nullptr; }, 5000 * kMs)) world.fail("nobody leads");
  World::Process& victim = world.process(world.active()->id() % 3 + 1);
  victim.crash();
  victim.disk.damaged = 1;
  victim.start();
  if (victim.alive()) world.fail("a damaged member takes part");
  if (!world.run_until([&] { return world.active() != nullptr && world.active()->write("after"); },
                       5000 * kMs))
    world.fail("the others stop");
  if (!world.run_until([&] { return world.acknowledged() > 0; }, 1000 * kMs)) world.fail("the others stop");
}

}  // namespace mullion::cluster::directed
