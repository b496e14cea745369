// Which members answer the one that leads.
#pragma once

#include <map>

#include "cluster/core.h"
#include "env/clock.h"

namespace mullion::cluster {

/// The core tells who answered since it last checked that it has a majority, and forgets everybody at each of
/// these checks: until the next answer, which takes long on a busy machine, a member that is well looks
/// silent. Here it counts as answering until it was silent for `patience`. Pure; for one thread.
class HeardLately {
 public:
  explicit HeardLately(env::Duration patience) : patience_(patience) {}

  /// Takes what the core tells of a member now; whether it counts as answering.
  bool note(MemberId member, bool answered, env::SteadyTime now) {
    if (answered) last_[member] = now;
    const auto last = last_.find(member);
    return last != last_.end() && now - last->second <= patience_;
  }
  /// Of another lead nothing is known.
  void forget() { last_.clear(); }

 private:
  const env::Duration patience_;
  std::map<MemberId, env::SteadyTime> last_;
};

}  // namespace mullion::cluster
