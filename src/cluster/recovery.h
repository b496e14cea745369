// A cluster that has lost its majority for good goes on from one member: offline, by an operator's decision.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/node.h"
#include "cluster/roster.h"

namespace mullion::cluster {

/// What the disk of a stopped member holds.
struct MemberRemains {
  env::Path base_root;
  MemberId number = 0;
  std::string id;  // ConsensusID
  Roster roster;
  Place database;      // as far as its database
  Place last;          // the end of its log; of the database when the journal is damaged
  uint64_t term = 0;   // the newest that it knows
  std::string damage;  // why its journal cannot be used; "" when it can
};

/// Reads it; nobody may have it open. kNotFound: it is no member of a cluster.
Result<MemberRemains> inspect_member(const Places& places);

/// What is known of the members whose disks can be read.
struct RecoveryPlan {
  size_t longest = 0;     // the one to go on from, as an index
  size_t voters = 0;      // of the cluster
  size_t lost = 0;        // voters of which there is no disk
  bool complete = false;  // whatever was acknowledged is in the longest log
};
/// Pure. kConflict: they are no members of one cluster. Precondition: not empty.
Result<RecoveryPlan> plan_recovery(const std::vector<MemberRemains>& members);
/// The plan in words for people, a line each.
std::vector<std::string> describe(const std::vector<MemberRemains>& members, const RecoveryPlan& plan);

/// The member that goes on alone: everybody else as a former member, with numbers that never came before.
/// Pure.
Roster alone(const Roster& roster, MemberId own, uint64_t unseen_changes);

/// Makes it the only member: what its log holds is put into a new database of a new epoch, which takes the
/// place of the old one at the next start; the old one is set aside then. Until it has returned nothing
/// counts of what it did. Blocks.
Result<void> recover_alone(const Places& places, const MemberRemains& remains);

}  // namespace mullion::cluster
