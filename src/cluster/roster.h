// Who the members of a cluster are, as the database remembers it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cluster/core.h"

namespace mullion::cluster {

/// One member as the others must know it: where it listens, and the key that it shows there.
struct RosterMember {
  MemberId number = 0;
  std::string id;       // ConsensusID: what clients call it
  std::string key;      // Ed25519 public key, hex
  std::string address;  // IP:port of the consensus
  std::string api_url;  // as it was when it joined
  bool observer = false;
  bool voter = false;
  bool returns = false;  // of a former member: it was taken off the list in order to come back as another one
  bool operator==(const RosterMember&) const = default;
};

struct Roster {
  std::string ha_id;  // what managers call the cluster
  MemberId next = 1;  // numbers never come twice
  std::vector<RosterMember> members;
  /// Who was removed, newest last: they are told so when they come back.
  std::vector<RosterMember> former = {};
  /// The lead is switched by hand: one member has a vote, and waits for the others that are in step.
  bool by_hand = false;
  bool operator==(const Roster&) const = default;

  const RosterMember* find(MemberId number) const;
  const RosterMember* find_id(std::string_view id) const;
  /// All but `own`, and whether they only observe.
  std::map<MemberId, bool> others(MemberId own) const;
};

std::string encode_roster(const Roster& roster);
/// kCorrupt.
Result<Roster> decode_roster(std::string_view json);
/// A member as the context of the change that adds it.
std::string encode_roster_member(const RosterMember& member);
/// kCorrupt.
Result<RosterMember> decode_roster_member(std::string_view json);

/// Keeps the newest of those who were removed. Pure.
void remember_former(Roster& roster, RosterMember member);

/// As the context of a removal: the member is about to come back as another one.
inline constexpr std::string_view kReturns = "returns";

/// The roster once a change is agreed. Pure. A change that makes no sense leaves it as it is. To add a member
/// that is one takes its vote; what is given along says where it is to be found from then on.
Roster changed(Roster roster, const MemberChange& change);

}  // namespace mullion::cluster
