// The upgrade of all members of a cluster, one after the other: what is agreed of it, and what comes next.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "server/upgrade_state.h"

namespace mullion::server {

/// Where a member stands in the upgrade, as all members agree.
enum class MemberStage {
  kWaits,    // for its turn
  kOrdered,  // it is to run the new program now
  kDone,
  kFailed,   // it runs its former program, or did not come back
  kSkipped,  // it is none of this upgrade's
};

struct RollingMember {
  std::string id;       // ConsensusID
  std::string address;  // of the consensus, to name it to people
  MemberStage stage = MemberStage::kWaits;
  std::string text;  // why it was skipped, or failed
  bool operator==(const RollingMember&) const = default;
};

/// Kept in the database that the members share: it is the same after a failover.
struct RollingUpgrade {
  enum class State { kStaged, kRunning, kDone, kFailed, kStopped };
  std::string id;  // the package's file is named for it
  State state = State::kRunning;
  std::string from, to;  // versions; `from` of the member that served when it began
  uint64_t size = 0;     // of the package, bytes
  std::string sha256;
  bool force = false;  // also where the version is not newer
  std::string principal;
  std::string started, finished;  // RFC 3339
  std::string text;               // what is waited for, or how it ended
  std::vector<RollingMember> members;
  bool operator==(const RollingUpgrade&) const = default;

  RollingMember* find(std::string_view member);
  const RollingMember* find(std::string_view member) const;
  bool ended() const { return state != State::kStaged && state != State::kRunning; }
  /// Below the base root of every member.
  std::string file_name() const { return "upgrades/" + id + ".zip"; }
};

std::string encode_rolling(const RollingUpgrade& upgrade);
/// kCorrupt.
Result<RollingUpgrade> decode_rolling(std::string_view json);
std::string_view stage_word(MemberStage stage);

/// What a member says of itself to the others (Node::tell_upgrade).
struct UpgradeNote {
  enum class State {
    kNothing,   // it runs a program that knows of no such upgrades, or was not heard
    kIdle,      // nothing is here of the upgrade
    kStaged,    // the package was checked here, and waits
    kRefused,   // the package cannot be used here
    kTrying,    // the new program shows whether it serves
    kUpgraded,  // it is in place
    kTakenBack,
  } state = State::kNothing;
  std::string upgrade;  // id
  std::string text;     // why
  bool operator==(const UpgradeNote&) const = default;
};
/// At most 1 KiB.
std::string encode_note(const UpgradeNote& note);
/// kNothing for what cannot be read.
UpgradeNote decode_note(std::string_view text);

/// What lies in the folder `upgrade` of this member.
struct OwnStanding {
  std::optional<OwnTurn> turn;
  bool pending = false;
  bool staged = false;
  std::optional<UpgradeOutcome> outcome;
  std::string refused;  // why the package of the upgrade cannot be used here
};
/// What this member says of the upgrade of this id.
UpgradeNote own_note(const OwnStanding& standing, const std::string& upgrade);

/// A member as the one that serves sees it.
struct MemberSight {
  std::string id;
  bool active = false;
  bool observer = false;
  bool voter = true;
  bool online = true;
  bool in_step = true;  // has what is agreed, and the files
  std::string version;
  UpgradeNote note;
};

struct RollingSight {
  RollingUpgrade upgrade;
  std::vector<MemberSight> members;
  bool fail_over_safe = false;
  /// Since a member's stage changed, as far as this process knows.
  env::Duration unchanged{0};
  /// How long a member may take from its order until it is in step again.
  env::Duration turn_patience = std::chrono::minutes(5);
  /// How long is waited for a member that is away, or for safety.
  env::Duration rest_patience = std::chrono::minutes(15);
};

struct RollingStep {
  enum class Kind {
    kWait,
    kOrder,     // `member` is to run the new program
    kDone,      // `member` does
    kSkip,      // `member` belongs to the cluster no more
    kHandOver,  // the lead goes to `member`
    kFail,      // the upgrade ends; `member`, if named, is why
    kFinish,
  } kind = Kind::kWait;
  std::string member;
  std::string text;  // what is waited for, or why
  bool operator==(const RollingStep&) const = default;
};

/// Staged everywhere, then the passive members one by one, observers first, then the lead goes over, then the
/// member that had it; each only while failing over is safe.
RollingStep next_rolling_step(const RollingSight& sight);

/// Why an upgrade of `members` (all, or the one of that id) cannot begin; absent when it can.
std::optional<Error> cannot_begin(const std::vector<MemberSight>& members, std::string_view only,
                                  bool skip_offline);

/// One sentence: how the upgrade ended, and which members run what.
std::string closing_text(const RollingUpgrade& upgrade, const std::vector<MemberSight>& members);

}  // namespace mullion::server
