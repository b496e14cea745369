#include "cluster/in_step.h"

#include <algorithm>

namespace mullion::cluster {

void InStep::begin() {
  passives_.clear();
  begun_ = false;
}

void InStep::look(const std::map<MemberId, PassiveSight>& passives, uint64_t last, uint64_t waiting,
                  uint64_t now) {
  std::erase_if(passives_, [&](const auto& one) { return !passives.contains(one.first); });
  for (const auto& [id, sight] : passives) {
    const auto [at, fresh] = passives_.try_emplace(id, Passive{!begun_, false, now});
    Passive& passive = at->second;
    const bool whole = sight.reachable && sight.matched >= last;
    const bool well = sight.reachable && sight.matched >= waiting;
    if (well || !passive.waited_for) passive.well_at = now;
    if (whole) passive.waited_for = passive.whole = true;
    if (now - passive.well_at >= patience_) passive.waited_for = passive.whole = false;
  }
  begun_ = true;
}

bool InStep::all_have(const std::map<MemberId, PassiveSight>& passives, uint64_t index) const {
  return std::ranges::all_of(passives_, [&](const auto& one) {
    const auto sight = passives.find(one.first);
    return !one.second.waited_for || sight == passives.end() || sight->second.matched >= index;
  });
}

std::set<MemberId> InStep::waited_for() const { return those(false); }
std::set<MemberId> InStep::in_step() const { return those(true); }

std::set<MemberId> InStep::those(bool whole) const {
  std::set<MemberId> out;
  for (const auto& [id, passive] : passives_) {
    if (passive.waited_for && (passive.whole || !whole)) out.insert(id);
  }
  return out;
}

}  // namespace mullion::cluster
