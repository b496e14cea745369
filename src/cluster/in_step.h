// Which passive members the active one waits for, in a cluster whose lead is switched by hand. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "cluster/types.h"

namespace mullion::cluster {

/// What the active member sees of another one.
struct PassiveSight {
  uint64_t matched = 0;  // synced there up to here
  bool reachable = false;
};

/// One is waited for until it was away, or behind what waits to be answered, for as long as `patience`
/// without a break; and again once it holds the whole log. One that is waited for and has held the whole log
/// is in step: it has everything that was answered.
class InStep {
 public:
  explicit InStep(uint64_t patience) : patience_(patience) {}

  /// Somebody begins to lead: whoever is a member may have been in step before.
  void begin();
  /// `last`: the end of the log; `waiting`: the entry that waits to be answered, 0 for none; `now` in ticks.
  void look(const std::map<MemberId, PassiveSight>& passives, uint64_t last, uint64_t waiting, uint64_t now);
  /// Whether every member that is waited for has the entry, as of `passives`.
  bool all_have(const std::map<MemberId, PassiveSight>& passives, uint64_t index) const;
  std::set<MemberId> waited_for() const;
  std::set<MemberId> in_step() const;

 private:
  struct Passive {
    bool waited_for = false;
    bool whole = false;  // has held the whole log since it is waited for
    uint64_t well_at = 0;
  };
  std::set<MemberId> those(bool whole) const;

  const uint64_t patience_;
  bool begun_ = false;  // who comes from now on has not been in step before
  std::map<MemberId, Passive> passives_;
};

}  // namespace mullion::cluster
