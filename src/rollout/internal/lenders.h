// Whose rights a rollout acts with: those of who set it going, as they are now.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "rollout/rollout.h"
#include "store/store.h"

namespace mullion::rollout::internal {

/// Whether what is done from now on is done for who gives the command.
bool lends_rights(std::string_view command);
/// kForbidden: an endpoint that `principal` may not change, or that does not exist for it.
Result<void> authorise_targets(const std::vector<RolloutTarget>& targets, const auth::Principal& principal);
/// The endpoints that a rollout which has begun may still change.
std::vector<RolloutTarget> open_targets(const Rollout& rollout);

/// Remembers whom it found out about. Not thread-safe, but for keep() and forgotten().
class Lenders {
 public:
  explicit Lenders(auth::Authenticator& authenticator) : authenticator_(authenticator) {}

  /// What is stored with a command: how its giver is known again. As secret as a login. kConflict for callers
  /// that no user stands behind.
  Result<store::SecretChange> keep(const std::string& id, const std::string& command,
                                   const auth::Principal& principal) const;
  /// What is stored when the rollout is over.
  static store::SecretChange forgotten(const std::string& id);

  /// Why the rollout may not go on: the login ended, or what it is about to change may not be changed by its
  /// user any more. "" while it may; an error when that cannot be found out now. Blocks on the disk.
  Result<std::string> lapse(const store::Snapshot& snapshot, const Rollout& rollout);
  /// Forgets all other rollouts.
  void keep_only(const std::vector<std::string>& ids);

 private:
  struct Known {
    std::string kept;
    auth::Principal principal;
  };

  auth::Authenticator& authenticator_;
  std::map<std::string, Known> known_;
};

}  // namespace mullion::rollout::internal
