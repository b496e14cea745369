// Members of a simulated world that have forgotten what they promised, and how they come back.
#pragma once

#include <string>

#include "cluster/readmission.h"
#include "cluster/world_testing.h"

namespace mullion::cluster {

/// What Node does for one that forgot, on virtual time: one look at all members.
class Repairs {
 public:
  explicit Repairs(World& world) : world_(world) {}

  void look() {
    World::Process* active = world_.active();
    if (active != nullptr) promote(*active);
    std::vector<MemberId> forgot;
    for (const auto& [id, process] : world_.processes())
      if (process->forgot && !process->gone) forgot.push_back(id);
    for (const MemberId id : forgot) {
      if ((world_.options().member_bugs & kReturnsUnderItsNumber) != 0) return return_as_itself(id);
      if (active != nullptr) return ask(world_.process(id), *active);
    }
  }
  uint64_t returned() const { return returned_; }

 private:
  static bool has(const std::set<MemberId>& ids, MemberId id) { return ids.contains(id); }

  void ask(World::Process& asks, World::Process& active) {
    const WorldDatabase& known = active.database();
    const auto back = known.back.find(asks.id());
    ReadmissionFacts facts;
    facts.key_fits = true;
    facts.is_back = back != known.back.end();
    facts.is_serving = asks.id() == active.id();
    facts.is_member = has(known.members, asks.id());
    facts.left_to_come = has(known.left_to_come, asks.id());
    switch (next_readmission_step(facts)) {
      case ReadmissionStep::kTakeOff:
        return (void)active.change(ChangeKind::kRemove, asks.id(), std::string(kReturns));
      case ReadmissionStep::kAdd:
        return (void)active.change(ChangeKind::kAddLearner, world_.new_id(), std::to_string(asks.id()));
      case ReadmissionStep::kDone:
        return come_back(asks, active, back->second);
      case ReadmissionStep::kRefuse:
      case ReadmissionStep::kLater:
        return;
    }
  }

  void come_back(World::Process& asks, World::Process& active, MemberId as) {
    const WorldDatabase copy = active.database();
    asks.crash();
    asks.gone = true;
    world_.add_process(as, copy);
    ++returned_;
  }

  /// Planted: with a new journal and somebody's database, as if it had promised nothing.
  void return_as_itself(MemberId id) {
    World::Process& member = world_.process(id);
    for (const auto& [other, process] : world_.processes()) {
      if (other == id || !process->alive()) continue;
      const WorldDatabase copy = process->database();
      member.crash();
      member.begin_with(copy);
      ++returned_;
      return member.start();
    }
  }

  static void promote(World::Process& active) {
    for (const MemberId id : active.database().members) {
      MemberProgress progress;
      if (active.member().member(id, progress) && !progress.voter && progress.active &&
          progress.matched + 5 >= active.database().index) {
        return (void)active.change(ChangeKind::kPromote, id);
      }
    }
  }

  World& world_;
  uint64_t returned_ = 0;
};

}  // namespace mullion::cluster
