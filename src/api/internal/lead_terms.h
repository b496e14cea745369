// Which member of a cluster may act here: managers that are clusters say the term in which they ask.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "env/clock.h"
#include "manager/forward.h"

namespace mullion::api {

/// Remembers the newest term of each manager, for as long as it is heard and an hour more: what a member asks
/// that was succeeded, and has not noticed, is refused. A manager is who logs in with its account and claims
/// its id: another one cannot shut it out by a term of its own making. Thread-safe.
class LeadTerms {
 public:
  /// kConflict: somebody has asked in a later term of the same manager. Terms of another epoch of its
  /// database are not comparable: the newest one heard counts.
  Result<void> hear(const std::string& account, const std::string& manager, const manager::LeadTerm& lead,
                    env::SteadyTime now);

 private:
  struct Known {
    manager::LeadTerm lead;
    env::SteadyTime heard;
  };
  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Known> known_ GUARDED_BY(mutex_);  // by account and id
};

}  // namespace mullion::api
