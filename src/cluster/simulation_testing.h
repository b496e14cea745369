// Histories: clients, faults and changes of members in a world, by its seed.
#pragma once

#include <algorithm>

#include "cluster/readmission_testing.h"
#include "cluster/world_testing.h"

namespace mullion::cluster {

class History {
 public:
  explicit History(const WorldOptions& options) : world(options) {}

  /// Everything that goes wrong for so long; then everything is mended, and must be equal and go on.
  void play(Time duration) {
    next_write();
    if (world.options().faults) next_fault();
    if (world.options().changes) next_change();
    if (world.options().amnesia) next_amnesia(), next_repair();
    world.run_for(duration);
    settle();
  }

  World world;
  Repairs repairs{world};

 private:
  using Process = World::Process;

  void next_write() {
    world.after(world.dice().between(5 * kMs, 40 * kMs), [this] {
      for (const auto& [id, process] : world.processes())
        if (process->write(fmt::format("v{}", ++values_))) break;
      if (world.dice().chance(10)) any().trim_now();
      next_write();
    });
  }

  Process& any() {
    auto at = world.processes().begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world.dice().below(world.processes().size())));
    return *at->second;
  }

  void next_fault() {
    world.after(world.dice().between(20 * kMs, 500 * kMs), [this] {
      if (!ended_ && world.now() >= quiet_until_) fault();
      if (!ended_) next_fault();
    });
  }

  void fault() {
    env::Dice& dice = world.dice();
    Process& victim = any();
    const Time pause = dice.between(30 * kMs, 1500 * kMs);
    switch (dice.below(11)) {
      case 0:
      case 1:
        victim.crash();
        return world.after(pause, [&victim] { victim.start(); });
      case 2:
        if (victim.alive()) victim.paused_until = world.now() + pause;
        return;
      case 3: {
        const MemberId from = victim.id(), to = any().id();
        world.cut(from, to);
        return world.after(pause, [this, from, to] { world.mend(from, to); });
      }
      case 4: {
        const MemberId id = victim.id();
        world.isolate(id);
        return world.after(pause, [this] { world.mend_all(); });
      }
      case 5:
        world.loss_percent = dice.below(30);
        return world.after(pause, [this] { world.loss_percent = 0; });
      case 6:
        (dice.chance(50) ? victim.slow_sync : victim.slow_apply) = dice.between(0, 300 * kMs);
        return world.after(pause, [&victim] { victim.slow_sync = victim.slow_apply = 0; });
      case 7:
        victim.disk.sync_fails = true;
        return;
      case 8:
        victim.disk.capacity = victim.disk.used();
        return world.after(pause, [&victim] { victim.disk.capacity = ~uint64_t{0}; });
      case 9:
        if (Process* active = world.active(); active != nullptr)
          (void)active->member().hand_over(victim.id());
        return;
      default:
        if (victim.alive() && dice.chance(30)) victim.member().may_lead(false);
        return world.after(pause, [&victim] {
          if (victim.alive()) victim.member().may_lead(true);
        });
    }
  }

  void next_repair() {
    world.after(50 * kMs, [this] {
      repairs.look();
      next_repair();
    });
  }

  /// One member at a time forgets: it is damaged, emptied, or put back to what it was a while ago.
  void next_amnesia() {
    world.after(world.dice().between(500 * kMs, 1500 * kMs), [this] {
      if (ended_) return;
      amnesia();
      next_amnesia();
    });
  }

  void amnesia() {
    Process& victim = any();
    if (!victim.alive() || !is_member(victim) || victim.image().database.index == 0 || !whole()) return;
    const uint64_t kind = world.dice().below(3);
    if (kind == 2) return put_back(victim);
    victim.crash();
    if (kind == 0) victim.disk.hard_damaged = true;
    if (kind == 1) victim.wipe_journal();
    world.after(100 * kMs, [&victim] { victim.start(); });
  }

  /// Found by those who have seen more of it: they must be there.
  void put_back(Process& victim) {
    const Process::Image old = victim.image();
    world.after(300 * kMs, [this, &victim, old] {
      if (ended_ || !is_member(victim) || !whole() || !everybody_is_well()) return;
      quiet_until_ = world.now() + 1500 * kMs;
      victim.crash();
      victim.restore(old);
      victim.start();
    });
  }

  /// Who forgot before is back and votes.
  bool whole() {
    Process* active = world.active();
    const auto votes = [active](MemberId id) {
      MemberProgress progress;
      return active->member().member(id, progress) && progress.voter;
    };
    return active != nullptr &&
           active->database().members.size() == static_cast<size_t>(world.options().voters) &&
           std::ranges::all_of(active->database().members, votes) &&
           std::ranges::none_of(world.processes(),
                                [](const auto& one) { return one.second->forgot && !one.second->gone; });
  }
  bool everybody_is_well() {
    return !world.disturbed() && std::ranges::all_of(world.processes(), [](const auto& one) {
      return one.second->gone || (one.second->alive() && !one.second->stopped());
    });
  }

  /// One member more, or one less.
  void next_change() {
    world.after(world.dice().between(100 * kMs, 600 * kMs), [this] {
      if (ended_) return;
      change();
      next_change();
    });
  }

  void change() {
    Process* active = world.active();
    if (active == nullptr) return;
    const std::set<MemberId>& members = active->database().members;
    for (const MemberId id : members) {
      MemberProgress progress;
      const bool ready = active->member().member(id, progress) && !progress.voter &&
                         world.processes().contains(id) && progress.matched + 5 >= active->database().index;
      if (ready) return (void)active->change(ChangeKind::kPromote, id);
      if (!world.processes().contains(id)) return enrol(id, *active);
    }
    if (members.size() < 5 && world.dice().chance(60))
      return (void)active->change(ChangeKind::kAddLearner, world.new_id());
    if (members.size() <= 2) return;
    auto at = members.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world.dice().below(members.size())));
    if (*at != active->id()) (void)active->change(ChangeKind::kRemove, *at);
  }

  /// A new member begins with a copy of the active one's database.
  void enrol(MemberId id, Process& active) { world.add_process(id, active.database()); }

  bool is_member(const Process& process) {
    const Process* active = world.active();
    return active != nullptr && active->database().members.contains(process.id());
  }

  void settle() {
    ended_ = true;
    world.mend_all();
    for (const auto& [id, process] : world.processes()) {
      process->paused_until = 0;
      process->slow_sync = process->slow_apply = 0;
      process->disk.sync_fails = false;
      process->disk.capacity = ~uint64_t{0};
      if (process->alive()) process->member().may_lead(true);
      process->start();
    }
    world.run_for(4000 * kMs);
    const uint64_t before = world.acknowledged();
    if (!world.run_until([&] { return world.acknowledged() > before + 5 && equal(); }, 20'000 * kMs)) {
      std::string states;
      for (const auto& [id, process] : world.processes())
        states += fmt::format(" [{}: {} at {} {}]", id, process->alive() ? "alive" : "dead",
                              process->database().index, process->abstained);
      world.fail("everything was mended and nothing goes on:" + states);
    }
  }

  /// Every member is near what is agreed; that what they applied is the same was seen when they applied it.
  bool equal() {
    for (const auto& [id, process] : world.processes()) {
      if (!is_member(*process)) continue;
      if (!process->alive() || process->database().index + 20 < world.agreed_to()) return false;
    }
    return true;
  }

  uint64_t values_ = 0;
  bool ended_ = false;
  Time quiet_until_ = 0;  // no other faults before
};

}  // namespace mullion::cluster
