// What an upgrade leaves on the disk, and what a start makes of it.
//
// The new program lies beside the old one as a file of its own (the candidate) until it has shown that it
// serves. Then one rename puts it in the old one's place. So there is a program that runs at every moment,
// and the presence of the candidate tells whether the rename happened.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "env/file.h"

namespace mullion::server {

/// An upgrade that is on its way: upgrade/pending.json.
struct PendingUpgrade {
  std::string from, to;
  env::Path program;        // the file that will be replaced
  env::Path candidate;      // the new program
  uint64_t deadline = 60;   // seconds from its start until it has to serve
  std::string fingerprint;  // of the certificate that it must show
  std::string started;      // RFC 3339
};

/// How the last one ended: upgrade/result.json.
struct UpgradeOutcome {
  bool upgraded = false;  // else rolled back
  std::string from, to;
  std::string reason;  // of the way back
  std::string finished;
  /// "upgraded v1 -> v2", "rolled back from v2 to v1: reason".
  std::string text() const;
};

/// What the new program says when it serves: upgrade/ready.json.
struct ReadyNote {
  std::string version;
  std::string url;
};

/// This member's part in an upgrade of its cluster: upgrade/turn.json.
struct OwnTurn {
  std::string upgrade;   // id
  bool ordered = false;  // it was told to run the new program: never twice
  bool same = false;     // that was the one that ran already
  std::string failed;    // why it could not begin
};

/// The folder `upgrade` of a base root. Files are written whole or not at all.
class UpgradeFolder {
 public:
  explicit UpgradeFolder(const env::Path& base_root) : root_(base_root / "upgrade") {}

  Result<void> make() const;
  const env::Path& path() const { return root_; }
  env::Path previous() const { return root_ / "previous"; }
  /// A package that was checked and waits for somebody to ask for the upgrade.
  env::Path staged() const { return root_ / "staged.zip"; }
  bool has_staged() const;
  /// Moves `package` there, in the place of the one before.
  Result<void> keep_staged(const env::Path& package) const;
  void forget_staged() const;
  /// A package on its way to the other members, moved from staged().
  env::Path offered() const { return root_ / "offered.zip"; }
  Result<void> offer_staged() const;
  void forget_offered() const;

  std::optional<OwnTurn> turn() const;
  Result<void> keep_turn(const OwnTurn& turn) const;

  std::optional<PendingUpgrade> pending() const;
  Result<void> begin(const PendingUpgrade& pending) const;
  /// Keeps the outcome, forgets what was pending, and removes the candidate of an upgrade that was taken
  /// back: in this order, so that no cut and no full disk makes it look as if it had been put in place.
  Result<void> finish(const PendingUpgrade& pending, const UpgradeOutcome& outcome) const;
  std::optional<UpgradeOutcome> outcome() const;
  void forget_outcome() const;

  std::optional<ReadyNote> ready() const;
  Result<void> announce(const ReadyNote& note) const;
  void forget_ready() const;

 private:
  const env::Path root_;
};

/// What a start that finds a pending upgrade makes of it. `candidate_there`: whether the rename is still to
/// come. `running`: the version that starts.
UpgradeOutcome recovered(const PendingUpgrade& pending, bool candidate_there, std::string_view running,
                         std::string now);

}  // namespace mullion::server
